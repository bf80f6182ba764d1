// What a summary says of heap errors: nothing where there are none.
#pragma once

#include "cli/heap_error_digest.h"
#include "cli/summary_page.h"

namespace weir::cli {

void write_heap_errors(SummaryPage& page, const HeapErrorDigest& digest);

}  // namespace weir::cli
