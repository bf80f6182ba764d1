// Long text on a terminal.
#pragma once

#include <string>

namespace weir::cli {

// Prints on stdout; through $PAGER (less, where unset) where stdout is a terminal with fewer lines than the text. An empty
// PAGER switches that off.
void print_paged(const std::string& text);

}  // namespace weir::cli
