// What a summary says of CUDA. Each part writes nothing where the reports have nothing of it.
#pragma once

#include "cli/cuda_digest.h"
#include "cli/summary_page.h"

namespace weir::cli {

// moment: of what is live.
void write_cuda_devices(SummaryPage& page, const CudaDigest& cuda, bool is_single, Moment moment);
void write_transfer_totals(SummaryPage& page, const CudaDigest& cuda);
void write_out_of_memory(SummaryPage& page, const CudaDigest& cuda);
void write_freed_with_context(SummaryPage& page, const SiteTable& table);
// Places whose copies could be fewer or faster.
void write_transfer_hints(SummaryPage& page, const CudaDigest& cuda);

}  // namespace weir::cli
