// Where the pool's memory comes from: the counted system calls under mimalloc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::pool {

struct MemoryCounters {
  uint64_t reserved_bytes, reserved_peak_bytes;  // mapped now, and at most
  uint64_t mmap_count, munmap_count, purge_count;
};
MemoryCounters memory_counters();
uint64_t reserved_bytes();

void note_initial_reservation(uint64_t bytes);
void note_prewarmed(uint64_t count);
uint64_t prewarmed_count();
uint64_t initial_reservation();

// Visits each range that the pool has mapped, by ascending address.
void for_each_pool_range(void (*visit)(void* context, uintptr_t start, size_t bytes), void* context);

void pool_memory_reset_after_fork();

}  // namespace weir::pool
