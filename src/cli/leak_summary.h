// The part of a summary that says what is lost, what may be, and what the program still holds.
#pragma once

#include "cli/digest.h"
#include "cli/summary_page.h"

namespace weir::cli {

void write_leaks(SummaryPage& page, const Digest& digest);

}  // namespace weir::cli
