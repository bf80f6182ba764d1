// What Weir maps for itself, and where: a leak check must not take Weir's notes of a block for a pointer of the program's.
//
// Threads: any. The list takes no lock that another thread could hold for long, and allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::core {

// Private anonymous zeroed memory, or nullptr; `bytes` is rounded up to pages.
void* map_own(size_t bytes);
void unmap_own(void* address, size_t bytes);
// Grows or moves what map_own gave. nullptr, and nothing changed, where the kernel gives no more.
void* remap_own(void* address, size_t bytes, size_t new_bytes);

struct OwnRange {
  uintptr_t start, end;
};
inline constexpr size_t kMostOwnRanges = 4096;

// Copies the ranges mapped now, in no order; neighbours may be one. There is room for kMostOwnRanges. Returns how many.
size_t copy_own_ranges(OwnRange* ranges);

void own_memory_reset_after_fork();

}  // namespace weir::core
