// The names of the calls that a program made to CUDA's runtime, where the report has those of the driver.
#pragma once

#include <string_view>

#include "cli/report_file.h"

namespace weir::cli {

// A runtime that is linked into the program cannot be told from it while it runs: the report then names the driver's function,
// cuMemAlloc_v2. Where the symbols say which function of the runtime the program called, its name takes that place: cudaMalloc.
// For a report that has just been symbolised.
void name_cuda_calls(Json& report);

// Whether a function, without template arguments, is CUDA's runtime's: one that programs call, or what NVIDIA's archive has below it.
bool is_cuda_runtime(std::string_view function);

}  // namespace weir::cli
