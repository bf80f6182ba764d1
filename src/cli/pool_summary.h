// What a summary says of the pools of CUDA's memory. Each part writes nothing where no pool was used; but what keeps them
// from being used is told.
#pragma once

#include "cli/cuda_digest.h"
#include "cli/summary_page.h"

namespace weir::cli {

// How the pools worked, and what each did.
void write_pools(SummaryPage& page, const CudaDigest& cuda);

// Options that would have made a difference that counts, at most three of them.
void write_pool_hints(SummaryPage& page, const CudaDigest& cuda);

}  // namespace weir::cli
