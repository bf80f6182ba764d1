#include "track/stack_counters.h"

#include <atomic>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "track/thread_counters.h"

namespace weir::track {
namespace {

// Chunk k holds kFirstChunk << k counters: few chunks, and a small process maps little.
constexpr uint32_t kFirstChunkLog2 = 8;
constexpr uint32_t kFirstChunk = 1U << kFirstChunkLog2;
constexpr uint32_t kChunks = 32 - kFirstChunkLog2;

std::atomic<StackCounters*> chunks[kChunks];
core::SpinLock chunk_lock;
constinit StackCounters lost_counters{};

struct Place {
  uint32_t chunk;
  uint32_t index;
};

Place place_of(core::StackId stack) {
  const uint64_t shifted = uint64_t{core::index_of(stack)} + kFirstChunk;
  const auto log2 = static_cast<uint32_t>(63 - __builtin_clzll(shifted));
  return {log2 - kFirstChunkLog2, static_cast<uint32_t>(shifted - (uint64_t{1} << log2))};
}

StackCounters* make_chunk(uint32_t chunk) {
  core::LockScope scope(chunk_lock);
  StackCounters* counters = chunks[chunk].load(std::memory_order_acquire);
  if (counters != nullptr) return counters;
  counters = core::arena_array<StackCounters>(size_t{kFirstChunk} << chunk);
  chunks[chunk].store(counters, std::memory_order_release);
  return counters;
}

}  // namespace

StackCounters& counters_of(core::StackId stack) {
  const Place place = place_of(stack);
  StackCounters* counters = chunks[place.chunk].load(std::memory_order_acquire);
  if (counters == nullptr) [[unlikely]]
    counters = make_chunk(place.chunk);
  return counters == nullptr ? lost_counters : counters[place.index];
}

const StackCounters* find_counters(core::StackId stack) {
  const Place place = place_of(stack);
  const StackCounters* counters = chunks[place.chunk].load(std::memory_order_acquire);
  return counters == nullptr || counters[place.index].alloc_count == 0 ? nullptr : &counters[place.index];
}

void stack_counters_reset_after_fork() {
  chunk_lock.reset_after_fork();
  for (auto& chunk : chunks) chunk.store(nullptr, std::memory_order_relaxed);
}

AtPeak at_peak(const StackCounters& counters) {
  if (counters.peak_epoch == peak_epoch.load(std::memory_order_relaxed)) {
    return {counters.at_peak_bytes, counters.at_peak_count};
  }
  return {counters.live_bytes(), counters.live_count()};
}

}  // namespace weir::track
