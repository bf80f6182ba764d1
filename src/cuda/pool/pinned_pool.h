// Page-locked host memory by whole blocks: cuMemAllocHost, cuMemHostAlloc and cuMemFreeHost.
#pragma once

#include "cuda/pool/block_release.h"

namespace weir::cuda::pool {

// Eight sizes for each doubling up to 64 MiB, whole pages above: rounding to powers of two wastes half of what cannot be swapped out.
// False where it is more than there can be.
bool pinned_block_bytes(uint64_t asked_bytes, uint64_t* taken_bytes);

// By cuMemAllocHost_v2 (without flags), and by cuMemHostAlloc.
Result allocate_pinned(const Call& call, uint64_t asked_bytes, Given* given);
Result allocate_pinned(const Call& call, uint64_t asked_bytes, unsigned flags, Given* given);

// By cuMemFreeHost.
Freed release_pinned(const Call& call, Address address);

}  // namespace weir::cuda::pool
