#include "track/stack_counters.h"

#include "core/arena.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "track/thread_counters.h"

namespace weir::track {

WEIR_LARGE_TABLE std::atomic<StackCounters*> detail::counter_chunks[detail::kCounterChunks];

namespace {

core::SpinLock chunk_lock;

// What stacks share where memory is out: their figures are lost, the program goes on. Never touched otherwise.
WEIR_LARGE_TABLE StackCounters lost_counters[size_t{1} << detail::kChunkLog2];

}  // namespace

void detail::make_chunk(core::StackId stack) {
  core::LockScope scope(chunk_lock);
  std::atomic<StackCounters*>& chunk = counter_chunks[core::index_of(stack) >> kChunkLog2];
  if (chunk.load(std::memory_order_acquire) != nullptr) return;
  auto* counters = core::arena_array<StackCounters>(size_t{1} << kChunkLog2);
  chunk.store(counters == nullptr ? lost_counters : counters, std::memory_order_release);
}

const StackCounters* find_counters(core::StackId stack) {
  const StackCounters* chunk =
      detail::counter_chunks[core::index_of(stack) >> detail::kChunkLog2].load(std::memory_order_acquire);
  if (chunk == nullptr || chunk == lost_counters) return nullptr;
  const StackCounters& counters = chunk[core::index_of(stack) & detail::kChunkMask];
  return counters.alloc_count == 0 && counters.free_count == 0 ? nullptr : &counters;
}

void stack_counters_reset_after_fork() {
  chunk_lock.reset_after_fork();
  for (auto& chunk : detail::counter_chunks) {
    if (chunk.load(std::memory_order_relaxed) == nullptr) return;  // they are made in order of the stacks' first sight
    chunk.store(nullptr, std::memory_order_relaxed);
  }
}

AtPeak at_peak(const StackCounters& counters) {
  if (counters.peak_epoch == shared_peak_epoch()) {
    return {counters.at_peak_bytes, counters.at_peak_count};
  }
  return {counters.live_bytes(), counters.live_count()};
}

}  // namespace weir::track
