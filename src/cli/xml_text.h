// Text for XML.
#pragma once

#include <string>
#include <string_view>

namespace weir::cli {

// Valid UTF-8 without what XML 1.0 cannot hold: control characters but for tab and line's end, surrogates, U+FFFE and U+FFFF, and bytes that
// are no UTF-8. These become U+FFFD each.
std::string valid_text(std::string_view text);

// The same as content or as an attribute's value in double quotes.
std::string xml_text(std::string_view text);

}  // namespace weir::cli
