// Names as a person writes them.
#pragma once

#include <string>

namespace weir::symbolize {

// "_Z4leakv" -> "leak()"; a name that is not a mangled one comes back as it is.
std::string demangle(const char* name);

}  // namespace weir::symbolize
