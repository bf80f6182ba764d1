#include "pool/pool_statistics.h"

#include <atomic>

#include "pool/numa.h"
#include "pool/pool_memory.h"

namespace weir::pool {
namespace {
std::atomic<UsageReader> usage_reader;
std::atomic<bool> enabled{true};
std::atomic<uint64_t> fallbacks;
}  // namespace

void set_usage_reader(UsageReader reader) { usage_reader.store(reader, std::memory_order_release); }
void note_pool_disabled() { enabled.store(false, std::memory_order_relaxed); }
void note_fallback() { fallbacks.fetch_add(1, std::memory_order_relaxed); }

PoolStatistics read_pool_statistics() {
  PoolStatistics statistics{};
  statistics.enabled = enabled.load(std::memory_order_relaxed);
  const MemoryCounters memory = memory_counters();
  statistics.reserved_bytes = memory.reserved_bytes;
  statistics.reserved_peak_bytes = memory.reserved_peak_bytes;
  statistics.mmap_count = memory.mmap_count;
  statistics.munmap_count = memory.munmap_count;
  statistics.purge_count = memory.purge_count;
  statistics.fallback_count = fallbacks.load(std::memory_order_relaxed);
  statistics.prewarm_count = prewarmed_count();
  statistics.initial_bytes = initial_reservation();
  if (UsageReader reader = usage_reader.load(std::memory_order_acquire)) {
    const PageUsage usage = reader();
    statistics.capacity_bytes = usage.page_bytes;
    statistics.active_bytes = usage.active_page_bytes;
    statistics.allocated_bytes = usage.allocated_bytes;
    statistics.inactive_bytes = usage.active_page_bytes - usage.allocated_bytes;
    statistics.cached_bytes = usage.page_bytes - usage.active_page_bytes;
  }
  statistics.numa_node_count = read_pool_numa_bytes(statistics.numa_bytes, kMaxNumaNodes);
  return statistics;
}

}  // namespace weir::pool
