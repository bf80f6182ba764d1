// Exact counters per stack: one cache line each, indexed by StackId, in memory that never moves.
//
// While the process has one thread the counters are plain; once it has more they are locked additions. The peak by stack is
// exact for one thread: each counter remembers what was live at the last global peak, brought up to date lazily when the
// stack next changes (peak_epoch names that peak).
#pragma once

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

// The counters of a stack, made on first use. Never nullptr: where memory for new counters cannot be had, those of the
// unknown stack are used.
StackCounters& counters_of(core::StackId stack);

// The counters if the stack ever had an event, else nullptr. For readers.
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
