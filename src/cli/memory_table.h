// Where the memory of a process was at its end: one table of the host, its devices and page-locked memory, that tells what the program
// holds from what lies idle, from what is lost in between, and from what others took.
#pragma once

#include "cli/cuda_digest.h"
#include "cli/report_file.h"
#include "cli/summary_page.h"

namespace weir::cli {

// host: of the one report that the summary covers. Nothing where it has no CUDA device.
void write_memory_table(SummaryPage& page, const Json& host, const CudaDigest& cuda);

}  // namespace weir::cli
