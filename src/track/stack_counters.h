// Exact counters per stack: one cache line each, indexed by StackId, in memory that never moves.
//
// While the process has one thread the counters are plain; once it has more, each thread collects its own events in a small
// cache (stack_deltas.h) and adds them here from time to time. The peak by stack is exact for one thread: each counter
// remembers what was live at the last global peak, brought up to date lazily when the stack next changes (peak_epoch names
// that peak).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/ids.h"

namespace weir::track {

struct alignas(64) StackCounters {
  uint64_t alloc_count;
  uint64_t alloc_bytes;
  uint64_t free_count;
  uint64_t free_bytes;
  uint64_t at_peak_bytes;  // live bytes at the process's peak, valid where peak_epoch is the current one; else live now
  uint64_t max_bytes;      // this stack's own highest live bytes
  uint32_t at_peak_count;
  uint32_t peak_epoch;
  uint64_t temporary_count;  // freed by the allocating thread with no other allocation of that thread in between

  uint64_t live_count() const { return alloc_count - free_count; }
  uint64_t live_bytes() const { return alloc_bytes - free_bytes; }
};
static_assert(sizeof(StackCounters) == 64);

namespace detail {

// Chunks are mapped whole and touched where they are used.
inline constexpr uint32_t kChunkLog2 = 12;
inline constexpr uint32_t kChunkMask = (1U << kChunkLog2) - 1;
inline constexpr uint32_t kCounterChunks = core::kMostStacks >> kChunkLog2;
extern std::atomic<StackCounters*> counter_chunks[kCounterChunks];

void make_chunk(core::StackId stack);

}  // namespace detail

// The counters of a stack where they, or a neighbour's, were made before; else nullptr. Cost: one load.
inline StackCounters* counters_at_hand(core::StackId stack) {
  StackCounters* chunk =
      detail::counter_chunks[core::index_of(stack) >> detail::kChunkLog2].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : chunk + (core::index_of(stack) & detail::kChunkMask);
}

// The counters of any stack, made on first use. Where memory for new ones cannot be had, stacks share some.
inline StackCounters& counters_of(core::StackId stack) {
  if (counters_at_hand(stack) == nullptr) [[unlikely]]
    detail::make_chunk(stack);
  return *counters_at_hand(stack);
}

// The counters if the stack ever had an event of its own, else nullptr. For readers.
const StackCounters* find_counters(core::StackId stack);

// Live bytes and count of a stack when the process's live bytes were highest.
struct AtPeak {
  uint64_t bytes;
  uint64_t count;
};
AtPeak at_peak(const StackCounters& counters);

// In a forked child: every stack counts from zero. Constant cost: the counters are made anew when first needed.
void stack_counters_reset_after_fork();

}  // namespace weir::track
