// What Weir keeps of a thread: its remembered stack and its counters. Made at the thread's first event, folded into the
// process's totals at the thread's end.
#pragma once

#include "core/guard.h"
#include "stack/capture.h"
#include "track/thread_counters.h"

namespace weir::runtime {

struct ThreadState {
  stack::LastStack* last_stack;  // nullptr where memory was short: stacks are unknown then
  track::ThreadCounters* counters;
  uint32_t ending_rounds;  // how often the thread's end was put off for destructors that may still allocate
};

ThreadState* enter_thread(const core::Inside&);

// The calling thread's state; nullptr where memory for one could not be had. Cost: one load.
inline ThreadState* this_thread(const core::Inside& inside) {
  auto* state = static_cast<ThreadState*>(core::thread_slot.state);
  if (state != nullptr) [[likely]]
    return state;
  return enter_thread(inside);
}

// Gives the thread a fresh remembered stack; the old one, which may be half changed, is left alone.
void replace_last_stack(ThreadState& state);

// Makes the key whose destructor ends a thread's state. Once, at start.
void prepare_thread_ends();

// In a forked child: one thread is left.
void thread_states_reset_after_fork();

}  // namespace weir::runtime
