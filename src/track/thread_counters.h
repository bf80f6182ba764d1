// Counters of one thread, and the process-wide peak that they feed. A thread counts in plain words of its own; readers add the
// threads up. Cost of counting an event: about ten additions to two or three cache lines.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/clock.h"
#include "core/ids.h"
#include "track/size_class.h"
#include "track/stack_counters.h"
#include "track/totals.h"

extern "C" __attribute__((weak)) char __libc_single_threaded;  // glibc 2.32: true until the second thread is made

namespace weir::track {

// One thread's part of Figures; live figures may be negative for a thread that frees what others allocated.
struct ThreadFigures {
  uint64_t alloc_count, alloc_bytes, free_count, free_bytes, hit_count;
  uint64_t peak_bytes;  // of this thread alone
  int64_t live_bytes() const { return static_cast<int64_t>(alloc_bytes - free_bytes); }
};

struct ThreadCounters {
  ThreadCounters* next;
  core::ThreadId id;
  int tid;
  int64_t unpublished_live_bytes;  // not yet added to the process's live bytes
  uintptr_t last_allocated;        // for temporary blocks: the thread's latest allocation
  uint64_t temporary_count, realloc_count, realloc_in_place_count, failed_count, foreign_free_count;
  uint64_t double_free_count, interior_free_count, untracked_count;
  ThreadFigures all;
  ThreadFigures large;
  ThreadFigures size_classes[kSizeClasses];
  ThreadFigures powers_of_two[kPowersOfTwo];
};

// nullptr where memory is out. The thread's id is made here unless `id` gives the one it had.
ThreadCounters* create_thread_counters(core::ThreadId id);
// Adds the thread's part to the process's and frees the counters.
void retire_thread_counters(ThreadCounters* counters);

// The counters of nobody: events that met no thread state.
extern std::atomic<uint64_t> nested_event_count;

extern std::atomic<int64_t> process_live_bytes;
extern std::atomic<int64_t> process_peak_bytes;
extern std::atomic<uint64_t> process_peak_tick;
extern std::atomic<uint32_t> peak_epoch;        // number of times a new peak was set
extern std::atomic<int64_t> publish_threshold;  // bytes a thread may hold back once there is more than one

inline bool single_threaded() { return &__libc_single_threaded != nullptr && __libc_single_threaded != 0; }

void publish_shared(ThreadCounters& counters);

inline void note_new_peak(int64_t live, uint64_t tick) {
  process_peak_bytes.store(live, std::memory_order_relaxed);
  process_peak_tick.store(tick, std::memory_order_relaxed);
  peak_epoch.store(peak_epoch.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Adds `bytes` (negative: freed) to the process's live bytes: at once while there is one thread, else when a thread's part has
// grown beyond publish_threshold, which bounds the peak's error.
inline void publish_live(ThreadCounters& counters, int64_t bytes, uint64_t tick) {
  counters.unpublished_live_bytes += bytes;
  if (single_threaded()) [[likely]] {
    const int64_t live = process_live_bytes.load(std::memory_order_relaxed) + counters.unpublished_live_bytes;
    counters.unpublished_live_bytes = 0;
    process_live_bytes.store(live, std::memory_order_relaxed);
    if (live > process_peak_bytes.load(std::memory_order_relaxed)) note_new_peak(live, tick);
    return;
  }
  const int64_t held = counters.unpublished_live_bytes;
  const int64_t threshold = publish_threshold.load(std::memory_order_relaxed);
  if (held > threshold || held < -threshold) publish_shared(counters);
}

inline size_t power_of_two_index(size_t bytes) {
  const size_t index = bytes <= 1 ? 0 : static_cast<size_t>(64 - __builtin_clzll(bytes - 1));
  return index < kPowersOfTwo ? index : kPowersOfTwo - 1;
}

inline ThreadFigures& class_figures(ThreadCounters& counters, uint8_t class_index) {
  return class_index < kSizeClasses ? counters.size_classes[class_index] : counters.large;
}

inline void add_alloc(ThreadFigures& figures, size_t bytes) {
  ++figures.alloc_count;
  figures.alloc_bytes += bytes;
  const int64_t live = figures.live_bytes();
  if (live > static_cast<int64_t>(figures.peak_bytes)) figures.peak_bytes = static_cast<uint64_t>(live);
}
inline void add_free(ThreadFigures& figures, size_t bytes) {
  ++figures.free_count;
  figures.free_bytes += bytes;
}

// A stack's counters belong to no thread: once there is more than one they are read and written as atomic words.
template <class Word>
Word load_shared(const Word& word) {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}
template <class Word>
void store_shared(Word& word, Word value) {
  __atomic_store_n(&word, value, __ATOMIC_RELAXED);
}
inline uint64_t add_shared(uint64_t& counter, uint64_t value) {
  return __atomic_add_fetch(&counter, value, __ATOMIC_RELAXED);
}

// Before a stack's live figures change: remember them as of the last peak, if they have not changed since.
inline void settle_peak(StackCounters& stack) {
  const uint32_t epoch = peak_epoch.load(std::memory_order_relaxed);
  if (stack.peak_epoch == epoch) return;
  stack.at_peak_bytes = stack.live_bytes();
  stack.at_peak_count = static_cast<uint32_t>(stack.live_count());
  stack.peak_epoch = epoch;
}

// The same where other threads may count in this stack at this moment. Two of them may settle at once: near enough, as peaks
// by stack are promised exact for one thread only.
inline void settle_peak_shared(StackCounters& stack) {
  const uint32_t epoch = peak_epoch.load(std::memory_order_relaxed);
  if (load_shared(stack.peak_epoch) == epoch) return;
  store_shared(stack.at_peak_bytes, load_shared(stack.alloc_bytes) - load_shared(stack.free_bytes));
  store_shared(stack.at_peak_count,
               static_cast<uint32_t>(load_shared(stack.alloc_count) - load_shared(stack.free_count)));
  store_shared(stack.peak_epoch, epoch);
}

inline void count_alloc_in_stack(StackCounters& stack, size_t bytes) {
  if (single_threaded()) [[likely]] {
    settle_peak(stack);
    ++stack.alloc_count;
    stack.alloc_bytes += bytes;
    if (stack.live_bytes() > stack.max_bytes) stack.max_bytes = stack.live_bytes();
    return;
  }
  settle_peak_shared(stack);
  add_shared(stack.alloc_count, 1);
  const uint64_t live = add_shared(stack.alloc_bytes, bytes) - load_shared(stack.free_bytes);
  if (live > load_shared(stack.max_bytes)) store_shared(stack.max_bytes, live);
}

inline void count_free_in_stack(StackCounters& stack, size_t bytes, bool temporary) {
  if (single_threaded()) [[likely]] {
    settle_peak(stack);
    ++stack.free_count;
    stack.free_bytes += bytes;
    stack.temporary_count += temporary;
    return;
  }
  settle_peak_shared(stack);
  add_shared(stack.free_count, 1);
  add_shared(stack.free_bytes, bytes);
  if (temporary) add_shared(stack.temporary_count, 1);
}

inline void count_alloc(ThreadCounters& counters, StackCounters& stack, size_t bytes, uint8_t class_index, bool hit,
                        uint64_t tick) {
  count_alloc_in_stack(stack, bytes);
  add_alloc(counters.all, bytes);
  ThreadFigures& of_class = class_figures(counters, class_index);
  add_alloc(of_class, bytes);
  of_class.hit_count += hit;
  add_alloc(counters.powers_of_two[power_of_two_index(bytes)], bytes);
  publish_live(counters, static_cast<int64_t>(bytes), tick);
}

inline void count_free(ThreadCounters& counters, StackCounters& stack, uintptr_t address, size_t bytes,
                       uint8_t class_index) {
  const bool temporary = counters.last_allocated == address;
  if (temporary) {
    counters.last_allocated = 0;
    ++counters.temporary_count;
  }
  count_free_in_stack(stack, bytes, temporary);
  add_free(counters.all, bytes);
  add_free(class_figures(counters, class_index), bytes);
  add_free(counters.powers_of_two[power_of_two_index(bytes)], bytes);
  publish_live(counters, -static_cast<int64_t>(bytes), 0);
}

// In a forked child: the counts begin anew, for the one thread that is left (nullptr where it has no counters yet).
void thread_counters_reset_after_fork(ThreadCounters* survivor);

}  // namespace weir::track
