// What Weir keeps of a thread: its remembered stack and its counters. Made at the thread's first event, folded into the
// process's totals at the thread's end.
#pragma once

#include "core/guard.h"
#include "stack/capture.h"
#include "track/pool_records.h"
#include "track/thread_counters.h"

namespace weir::runtime {

struct ThreadState {
  // What the plain path reads first.
  int32_t events_on_tick;        // allocations that may still use `tick`; below 0: none
  core::StackId counted_stack;   // the last one counted on the plain path, with
  stack::LastStack* last_stack;  // nullptr where memory was short: stacks are unknown then
  track::StackCounters* counted_stack_counters;
  // The thread's latest allocation, where it was the plain path's while there was one thread; else kNoBlock. Kept when it is
  // freed: the pool is likely to give it out next. What was looked up for it holds until the thread's next allocation.
  uintptr_t last_block;
  track::AtomicRecord* last_record;
  track::ThreadFigures* last_figures;  // of its size class
  void* last_page;                     // the pool's page object
  uint64_t plain_word1;                // track::plain_word1 of `tick`
  uint64_t tick;                       // of the last reading of the clock
  track::ThreadCounters* counters;
  uint64_t freed_word1[track::kFamilies];  // what a plain block's record becomes when this thread frees it, by family
  uint32_t ending_rounds;  // how often the thread's end was put off for destructors that may still allocate
  // Where the process samples:
  uint64_t random_state;
  int64_t
      left_at_sample;  // core::thread_slot.sample_left right after the last drawn block: nothing was allocated since
  ThreadState* next;   // of all threads'
};

inline constexpr uintptr_t kNoBlock = 1;  // no block's address, and not the end of a free list either

// So many allocations of a thread share one reading of the clock, which costs as much as half of a plain one.
inline constexpr int32_t kEventsPerTick = 64;

// Counts an event down; true where the clock is to be read for it. One instruction, whatever the compiler makes of the rest: another thread
// may store to the word (read_ticks_anew), and a count that was read before and written back after would undo that.
[[gnu::always_inline]] inline bool is_tick_used_up(ThreadState& state) {
  bool is_below_zero;
  asm("subl $1, %0" : "+m"(state.events_on_tick), "=@ccs"(is_below_zero));
  return is_below_zero;
}

// Reads the clock for the event at hand and those that follow.
void read_tick(ThreadState& state);

// Has every thread read it before its next event: what is allocated after this call has a tick from now on. The clock is not read for them.
void read_ticks_anew(const core::Inside&);

// What the record of a plain block of that family becomes when the thread frees it: the time is that of the last reading.
template <track::Family kFamily>
[[gnu::always_inline]] inline uint64_t freed_word1_of(const ThreadState& state) {
  return state.freed_word1[static_cast<size_t>(kFamily)];
}

// Where the process samples: whether one of so many bytes, about to be allocated, is drawn. Not by the hooks, which count down
// themselves as long as none is.
bool draw(ThreadState& state, size_t bytes);

ThreadState* enter_thread(const core::Inside&);

// The calling thread's state; nullptr where memory for one could not be had. Cost: one load.
inline ThreadState* this_thread(const core::Inside& inside) {
  auto* state = static_cast<ThreadState*>(core::thread_slot.state);
  if (state != nullptr) [[likely]]
    return state;
  return enter_thread(inside);
}

// Makes the state fit for use again where a hook that was changing it never ended.
void mend_state(ThreadState& state);

// The same, for the entry of a hook of the program's own calls.
inline ThreadState* this_thread(const core::Guard& guard) {
  ThreadState* state = this_thread(guard.token());
  if (guard.took_over() && state != nullptr) [[unlikely]]
    mend_state(*state);  // guard: mended-state
  return state;
}

void forget_late_state();

// For the scope of an event inside the guard. The libc frees what it keeps of a thread after the thread's last destructors: the state that
// is made for it would never be released by one.
class LateStateScope {
 public:
  LateStateScope() = default;
  ~LateStateScope() {
    if (core::thread_slot.late_events_left != 0) [[unlikely]]
      forget_late_state();  // guard: late-state
  }
  LateStateScope(const LateStateScope&) = delete;
  LateStateScope& operator=(const LateStateScope&) = delete;
};

// Makes the key whose destructor ends a thread's state. Once, at start.
void prepare_thread_ends();

// Whether the threads made from now on may take the plain path (plain_path.h), or where the process samples the untracked one;
// before the first thread's first event.
void allow_plain_path(bool allowed);

// Whether the thread takes it just now, by what is allowed and whether the program excuses what it allocates (leak/ignored.h). Inside the
// guard; from the thread's next event on.
void choose_path(const core::Inside&, const ThreadState& state);

// In a forked child: one thread is left.
void thread_states_reset_after_fork();

}  // namespace weir::runtime
