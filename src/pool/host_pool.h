// The host pool over mimalloc. Blocks are at least 16-aligned and their base is always mimalloc's block start, so that page
// geometry finds them; alignment beyond 16 is the runtime's business. A function answers nullptr where memory is out: the
// caller then asks the libc's own allocator.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"

namespace weir::pool {

inline constexpr size_t kNaturalAlignment = 16;

void* pool_allocate(const core::Inside&, size_t bytes);
void* pool_allocate_zeroed(const core::Inside&, size_t bytes);
void pool_release(const core::Inside&, void* base);

struct PoolPage {
  uintptr_t start;
  size_t bytes;
  size_t block_bytes;
};
// The page of a live pool block. For the slow path.
PoolPage pool_page_of(uintptr_t base);

struct PoolSettings {
  uint64_t initial_bytes = 0;
  double growth_ratio = 0;  // 0: the pool's own growth
};
// Before the pool's first use.
void configure_pool(const core::Inside&, const PoolSettings&);

// Makes `count` blocks of `bytes` ready in the calling thread's free lists; returns how many were made. Each is shown to
// `observe` while it is held.
using BlockObserver = void (*)(const core::Inside&, void* block);
uint64_t prewarm_pool(const core::Inside&, uint64_t bytes, uint64_t count, BlockObserver observe);

// Reserves at least `capacity` bytes of address space in total. False where the kernel gives no more.
bool reserve_pool(const core::Inside&, uint64_t capacity);

// After the pool made a new page: reserves ahead where WEIR_HOST_POOL_GROWTH asks for it and the reservations are used up.
void grow_pool_if_needed(const core::Inside&);

// Gives free memory back to the kernel.
void trim_pool(const core::Inside&);

// Called with each range that the pool returns to the kernel, before it is returned.
using RangeObserver = void (*)(uintptr_t start, size_t bytes);
void observe_pool_unmaps(RangeObserver observer);

}  // namespace weir::pool
