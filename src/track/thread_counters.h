// Counters of one thread, and the process-wide peak that they feed. A thread counts in plain words of its own; readers add the
// threads up. Cost of counting an event: about twenty instructions on two or three cache lines.
#pragma once

#include <sys/single_threaded.h>

#include <atomic>
#include <cstdint>

#include "core/clock.h"
#include "core/ids.h"
#include "track/sampling.h"
#include "track/size_class.h"
#include "track/stack_counters.h"
#include "track/stack_deltas.h"
#include "track/totals.h"

namespace weir::track {

// One thread's part of Figures; live figures may be negative for a thread that frees what others allocated.
struct ThreadFigures {
  uint64_t alloc_count, alloc_bytes, free_count, free_bytes;
  uint64_t peak_bytes;  // of this thread alone
  uint64_t miss_count;  // allocations for which the pool made a page
  int64_t live_bytes() const { return static_cast<int64_t>(alloc_bytes - free_bytes); }
};
static_assert(sizeof(ThreadFigures) == kFiguresBytes);

struct ThreadCounters {
  ThreadCounters* next;
  core::ThreadId id;
  int tid;
  int64_t unpublished_live_bytes;  // not yet added to the process's live bytes
  uintptr_t last_allocated;        // for temporary blocks: the thread's latest allocation; 0: freed, or none
  StackDeltas deltas;              // used once the process has several threads
  uint64_t events_judged;          // events when the size of `deltas` was last judged
  uint64_t temporary_count, realloc_count, realloc_in_place_count, failed_count, foreign_free_count;
  uint64_t double_free_count, interior_free_count, untracked_count;
  uint64_t sample_count;                         // allocations that were drawn, where the process samples
  ThreadFigures size_classes[kSizeClasses + 1];  // the last one: blocks of no class
  // By power of two, what asking for the size classes alone would get wrong: blocks that asked for less than their class's
  // power of two are added where they belong and subtracted (modulo 2^64) where they do not.
  ThreadFigures displaced[kPowersOfTwo];
};

// The thread's figures of a size class.
[[gnu::always_inline]] inline ThreadFigures& figures_of(ThreadCounters& counters, const BlockClass& block_class) {
  return *reinterpret_cast<ThreadFigures*>(reinterpret_cast<char*>(counters.size_classes) + block_class.figures_offset);
}

// nullptr where memory is out. The thread's id is made here unless `id` gives the one it had.
ThreadCounters* create_thread_counters(core::ThreadId id);
// Adds the thread's part to the process's and frees the counters.
void retire_thread_counters(ThreadCounters* counters);

// The counters of nobody: events that met no thread state.
extern std::atomic<uint64_t> nested_event_count;

// Plain words, so that one thread alone may add to them in place; several use atomic operations on them.
[[gnu::visibility("hidden")]] extern int64_t process_live_bytes;
[[gnu::visibility("hidden")]] extern int64_t process_peak_bytes;
[[gnu::visibility("hidden")]] extern uint64_t process_peak_tick;
extern std::atomic<int64_t> publish_threshold;  // bytes a thread may hold back once there is more than one

// Until the second thread is made.
inline bool single_threaded() { return __libc_single_threaded != 0; }

// Adds what the thread holds back to the process's live bytes.
void publish_shared(ThreadCounters& counters);

inline void note_new_peak(int64_t live, uint64_t tick) {
  process_peak_bytes = live;
  process_peak_tick = tick;
  ++peak_epoch;
}

// Adds to the process's live bytes while there is one thread.
inline void publish_alloc_alone(size_t bytes, const uint64_t& tick) {
  process_live_bytes += static_cast<int64_t>(bytes);
  if (process_live_bytes > process_peak_bytes) [[unlikely]]
    note_new_peak(process_live_bytes, tick);
}
inline void publish_free_alone(size_t bytes) { process_live_bytes -= static_cast<int64_t>(bytes); }

// What an event counts: one block, or as many as a sampled one stands for.
struct Amount {
  uint64_t count, bytes;
  constexpr Amount(size_t bytes_of_one) : count(1), bytes(bytes_of_one) {}
  constexpr Amount(Weight weight) : count(weight.count), bytes(weight.bytes) {}
};

inline void add_alloc(ThreadFigures& figures, Amount amount) {
  figures.alloc_count += amount.count;
  figures.alloc_bytes += amount.bytes;
  const int64_t live = figures.live_bytes();
  if (live > static_cast<int64_t>(figures.peak_bytes)) figures.peak_bytes = static_cast<uint64_t>(live);
}
inline void add_free(ThreadFigures& figures, Amount amount) {
  figures.free_count += amount.count;
  figures.free_bytes += amount.bytes;
}

// Before a stack's live figures change: remember them as of the last peak, if they have not changed since.
inline void settle_peak(StackCounters& stack) {
  const uint32_t epoch = peak_epoch;
  if (stack.peak_epoch == epoch) [[likely]]
    return;
  stack.at_peak_bytes = stack.live_bytes();
  stack.at_peak_count = static_cast<uint32_t>(stack.live_count());
  stack.peak_epoch = epoch;
}

inline void count_alloc_alone(StackCounters& stack, Amount amount) {
  settle_peak(stack);
  stack.alloc_count += amount.count;
  stack.alloc_bytes += amount.bytes;
  if (stack.live_bytes() > stack.max_bytes) stack.max_bytes = stack.live_bytes();
}

inline void count_free_alone(StackCounters& stack, Amount amount) {
  settle_peak(stack);
  stack.free_count += amount.count;
  stack.free_bytes += amount.bytes;
}

// An event of the process's only thread, for a block that is not displaced. of_class: the thread's figures of its size class.
[[gnu::always_inline]] inline void count_alloc_alone(ThreadFigures& of_class, StackCounters& stack, size_t bytes,
                                                     const uint64_t& tick) {
  count_alloc_alone(stack, bytes);
  publish_alloc_alone(bytes, tick);
  add_alloc(of_class, bytes);
}
[[gnu::always_inline]] inline void count_free_alone(ThreadFigures& of_class, StackCounters& stack, size_t bytes) {
  count_free_alone(stack, bytes);
  publish_free_alone(bytes);
  add_free(of_class, bytes);
}

// The same where the stack is settled and the peak is not passed, as these two tell.
inline bool is_settled(const StackCounters& stack) { return stack.peak_epoch == peak_epoch; }
inline bool is_new_peak(size_t bytes) { return process_live_bytes + static_cast<int64_t>(bytes) > process_peak_bytes; }
[[gnu::always_inline]] inline void count_alloc_settled(ThreadFigures& of_class, StackCounters& stack, size_t bytes) {
  ++stack.alloc_count;
  stack.alloc_bytes += bytes;
  if (stack.live_bytes() > stack.max_bytes) [[unlikely]]
    stack.max_bytes = stack.live_bytes();
  process_live_bytes += static_cast<int64_t>(bytes);
  add_alloc(of_class, bytes);
}
[[gnu::always_inline]] inline void count_free_settled(ThreadFigures& of_class, StackCounters& stack, size_t bytes) {
  ++stack.free_count;
  stack.free_bytes += bytes;
  publish_free_alone(bytes);
  add_free(of_class, bytes);
}

// Beside it, for the free of the thread's latest allocation.
[[gnu::always_inline]] inline void count_temporary(ThreadCounters& counters, StackCounters& stack) {
  ++counters.temporary_count;
  ++stack.temporary_count;
}

// Where the process has several threads: the thread's delta of a stack that is not in its place. Grows a cache that is too small.
StackDelta& replace_delta(ThreadCounters& counters, core::StackId stack);

inline StackDelta& shared_delta_of(ThreadCounters& counters, core::StackId stack) {
  StackDelta* delta = delta_at_hand(counters.deltas, stack);
  return delta != nullptr ? *delta : replace_delta(counters, stack);
}

// Whether so many bytes more than a thread holds back must be published: the threshold bounds the peak's error.
inline bool is_to_publish(int64_t unpublished) {
  const int64_t threshold = publish_threshold.load(std::memory_order_relaxed);
  return static_cast<uint64_t>(unpublished + threshold) > 2 * static_cast<uint64_t>(threshold);
}

// Negative: freed.
inline void publish_live_shared(ThreadCounters& counters, int64_t bytes) {
  counters.unpublished_live_bytes += bytes;
  if (is_to_publish(counters.unpublished_live_bytes)) [[unlikely]]
    publish_shared(counters);
}

inline void add_alloc(StackDelta& delta, Amount amount) {
  delta.alloc_count += amount.count;
  delta.alloc_bytes += amount.bytes;
  if (delta.live_bytes() > delta.max_bytes) delta.max_bytes = delta.live_bytes();
}
inline void add_free(StackDelta& delta, Amount amount, uint64_t temporary_count) {
  delta.free_count += amount.count;
  delta.free_bytes += amount.bytes;
  delta.temporary_count += temporary_count;
}

inline void count_alloc_shared(ThreadCounters& counters, core::StackId stack, Amount amount) {
  add_alloc(shared_delta_of(counters, stack), amount);
  publish_live_shared(counters, static_cast<int64_t>(amount.bytes));
}

inline void count_free_shared(ThreadCounters& counters, core::StackId stack, Amount amount, uint64_t temporary_count) {
  add_free(shared_delta_of(counters, stack), amount, temporary_count);
  publish_live_shared(counters, -static_cast<int64_t>(amount.bytes));
}

// An event where the process has several threads and the block is not displaced, in steps that call nothing: the delta to count it by,
// or nullptr where count_alloc() or count_free() is to do it; then the count.
[[gnu::always_inline]] inline StackDelta* delta_to_count(ThreadCounters& counters, core::StackId stack, int64_t bytes) {
  return is_to_publish(counters.unpublished_live_bytes + bytes) ? nullptr : delta_at_hand(counters.deltas, stack);
}
[[gnu::always_inline]] inline void count_alloc_among_threads(ThreadCounters& counters, StackDelta& delta, size_t bytes,
                                                             const BlockClass& block_class) {
  add_alloc(delta, bytes);
  counters.unpublished_live_bytes += static_cast<int64_t>(bytes);
  add_alloc(figures_of(counters, block_class), bytes);
}
[[gnu::always_inline]] inline void count_free_among_threads(ThreadCounters& counters, StackDelta& delta,
                                                            uintptr_t address, size_t bytes,
                                                            const BlockClass& block_class) {
  const bool temporary = counters.last_allocated == address;
  if (temporary) {
    counters.last_allocated = 0;
    ++counters.temporary_count;
  }
  add_free(delta, bytes, temporary);
  counters.unpublished_live_bytes -= static_cast<int64_t>(bytes);
  add_free(figures_of(counters, block_class), bytes);
}

// Any event.
void count_alloc(ThreadCounters& counters, core::StackId stack, size_t bytes, BlockClass block_class, uint64_t tick);
void count_free(ThreadCounters& counters, core::StackId stack, uintptr_t address, size_t bytes, BlockClass block_class);

// The same for a sampled block of `bytes`, which stands for `weight`.
void count_sampled_alloc(ThreadCounters& counters, core::StackId stack, size_t bytes, Weight weight,
                         BlockClass block_class, uint64_t tick);
void count_sampled_free(ThreadCounters& counters, core::StackId stack, uintptr_t address, size_t bytes, Weight weight,
                        BlockClass block_class);

// Calls visit(context, delta) for what each running thread has not yet added to its stacks' counters.
using DeltaVisitor = void (*)(void* context, const StackDelta& delta);
void for_each_stack_delta(DeltaVisitor visit, void* context);

// In a forked child: the counts begin anew, for the one thread that is left (nullptr where it has no counters yet).
void thread_counters_reset_after_fork(ThreadCounters* survivor);

}  // namespace weir::track
