// The allocations that the C and C++ runtimes keep until exit by design. They are listed in every report; `weir show` folds
// them into one line.
#pragma once

#include "cli/report_file.h"

namespace weir::cli {

// Sets "runtime" (such as "stdio buffers") on the leaks of a symbolised report that are known to be the runtime's own.
void name_runtime_allocations(Json& report);

}  // namespace weir::cli
