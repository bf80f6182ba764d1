// The `weir` command as a helper of the process's: it adds functions, files and lines to the report, and says whether leaks remain that no
// suppression names. The host notices nothing: the helper is no child of its own (no SIGCHLD, no wait sees it), has none of its
// descriptors, signal actions or terminal, and none of Weir's variables.
#pragma once

#include <cstdint>

#include "core/guard.h"

namespace weir::runtime {

// Finds the `weir` command beside libweir.so where the options want it at the end. From process_start: the process may change its root.
void find_symbolizer();

// WEIR_SYMBOLIZE=exit: starts `weir symbolize REPORT` and returns without waiting for it. Prints one line where the command is not there.
// Last act of a process, with all signals blocked.
void start_symbolizer(const core::Inside&, const char* report_path);

// What `weir symbolize` says of a report's leaks once the suppressions were applied.
enum class LeakVerdict : uint8_t {
  none_left,
  some_left,
  unknown,  // the command is not there, could not be run, or took longer than a minute
};

// Finishes the report in its place and waits for the verdict; the calling thread's signals are blocked meanwhile, others go on.
LeakVerdict ask_for_verdict(const core::Inside&, const char* report_path);

}  // namespace weir::runtime
