// A thread's events by stack that have not reached the stacks' own counters yet. With more than one thread an event costs
// a look-up in this small cache, of the thread's own, in place of locked additions to lines that threads share. What an entry
// holds is added to the stack's counters when another stack needs the entry, when the process's peak has moved since, and at
// the thread's end; a report adds what is still held here (for_each_stack_delta in thread_counters.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"
#include "track/stack_counters.h"

namespace weir::track {

// Number of times a new peak was set. A plain word for one thread alone; several use atomic operations on it.
[[gnu::visibility("hidden")]] extern uint32_t peak_epoch;
inline uint32_t shared_peak_epoch() { return __atomic_load_n(&peak_epoch, __ATOMIC_RELAXED); }

struct alignas(64) StackDelta {
  core::StackId stack;
  uint32_t epoch;  // peak_epoch during all of these events
  uint64_t alloc_count, alloc_bytes, free_count, free_bytes, temporary_count;
  int64_t max_bytes;  // the highest live bytes of these events alone

  int64_t live_bytes() const { return static_cast<int64_t>(alloc_bytes - free_bytes); }
  bool empty() const { return (alloc_count | free_count) == 0; }
};
static_assert(sizeof(StackDelta) == 64);

// Direct-mapped by the stack's id. Starts with one entry and grows where many look-ups miss.
struct StackDeltas {
  StackDelta* entries;
  uint32_t mask;    // entries - 1
  uint32_t misses;  // since the size was last judged
  StackDelta first;

  size_t bytes() const { return mask == 0 ? 0 : (size_t{mask} + 1) * sizeof(StackDelta); }
};

inline constexpr uint32_t kMostStackDeltas = 4096;

// Adds what an entry holds to its stack's counters. Any thread.
void add_to_counters(const StackDelta& delta, StackCounters& counters);

// Empties the entry into its stack's counters.
void flush_stack_delta(StackDelta& delta);
void flush_stack_deltas(StackDeltas& deltas);

// The entry for a stack that is not in its place: what stood there is added up first.
StackDelta& replace_stack_delta(StackDeltas& deltas, core::StackId stack);

// Twice as many entries, as memory and kMostStackDeltas allow. All are empty afterwards.
void grow_stack_deltas(StackDeltas& deltas);

// The entry where it is the stack's, else nullptr. Cost: two loads and two compares.
inline StackDelta* delta_at_hand(StackDeltas& deltas, core::StackId stack) {
  StackDelta& delta = deltas.entries[core::index_of(stack) & deltas.mask];
  return delta.stack == stack && delta.epoch == shared_peak_epoch() ? &delta : nullptr;
}

}  // namespace weir::track
