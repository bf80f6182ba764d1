// What the host pool holds, for the report and weir_stats. Terms: reserved = address space from the kernel; capacity = pages
// that were made for blocks; active = pages with a live block; cached = capacity - active; allocated = blocks handed out (in
// block sizes); inactive = what is free or lost to page ends inside active pages.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::pool {

inline constexpr size_t kMaxNumaNodes = 16;

struct PoolStatistics {
  bool enabled;
  uint64_t reserved_bytes, reserved_peak_bytes;
  uint64_t capacity_bytes;
  uint64_t allocated_bytes;
  uint64_t active_bytes;
  uint64_t inactive_bytes;
  uint64_t cached_bytes;
  uint64_t mmap_count, munmap_count, purge_count;
  uint64_t fallback_count;             // allocations the pool could not serve, answered by the libc's own malloc
  uint64_t prewarm_count;              // blocks made by WEIR_HOST_POOL_PREWARM
  uint64_t initial_bytes;              // reserved ahead by WEIR_HOST_POOL_INITIAL
  size_t numa_node_count;              // 0: not known
  uint64_t numa_bytes[kMaxNumaNodes];  // resident bytes of the pool's memory by node
};
// Walks the pool's pages: for the end of the process and rare calls, not for hot paths.
PoolStatistics read_pool_statistics();

// Pages and blocks as the live set knows them; the layer above connects the two.
struct PageUsage {
  uint64_t page_bytes;
  uint64_t active_page_bytes;
  uint64_t allocated_bytes;
};
using UsageReader = PageUsage (*)();
void set_usage_reader(UsageReader reader);

void note_pool_disabled();
void note_fallback();

}  // namespace weir::pool
