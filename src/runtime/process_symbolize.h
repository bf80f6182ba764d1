// WEIR_SYMBOLIZE=exit: a helper that the dying process leaves behind adds functions, files and lines to its report.
#pragma once

#include "core/guard.h"

namespace weir::runtime {

// Finds the `weir` command beside libweir.so. From process_start, because the loader is asked.
void find_symbolizer();

// Starts `weir symbolize REPORT` and returns without waiting for it. The host notices nothing: the helper is no child
// of its own (no SIGCHLD, no wait sees it), has none of its descriptors, signal actions or terminal, and none of Weir's
// variables. Prints one line where the command is not there. Last act of a process, with all signals blocked.
void start_symbolizer(const core::Inside&, const char* report_path);

}  // namespace weir::runtime
