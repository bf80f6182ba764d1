// The host pool over mimalloc. Every function may return nullptr where memory is out: the caller then asks the libc's own
// allocator. Blocks are at least 16-aligned and their base never differs from mimalloc's block start, so that page geometry
// finds them; alignment beyond that is the runtime's business.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"

namespace weir::pool {

void* pool_allocate(const core::Inside&, size_t bytes);
void* pool_allocate_zeroed(const core::Inside&, size_t bytes);
void pool_release(const core::Inside&, void* base);

// The block size of the pool page that holds `base`, a live pool block. Cost: two loads that the allocation just made hot.
size_t pool_block_bytes(const void* base);

struct PoolPage {
  uintptr_t start;
  size_t bytes;
  size_t block_bytes;
};
PoolPage pool_page_of(uintptr_t base);

}  // namespace weir::pool
