// Counting an event of any kind; what one thread alone counts of an ordinary one is inline in thread_counters.h.
#include "track/thread_counters.h"

namespace weir::track {
namespace {

// A block whose power of two is not its size class's: it is counted where it belongs, and taken off where the class would be.
void count_displaced_alloc(ThreadCounters& counters, BlockClass block_class, size_t bytes) {
  add_alloc(counters.displaced[power_of_two_index(bytes)], bytes);
  if (block_class.index == kNoSizeClass) return;
  ThreadFigures& not_here = counters.displaced[power_of_two_index(size_class_bytes(block_class.index))];
  --not_here.alloc_count;
  not_here.alloc_bytes -= bytes;
}

void count_displaced_free(ThreadCounters& counters, BlockClass block_class, size_t bytes) {
  add_free(counters.displaced[power_of_two_index(bytes)], bytes);
  if (block_class.index == kNoSizeClass) return;
  ThreadFigures& not_here = counters.displaced[power_of_two_index(size_class_bytes(block_class.index))];
  --not_here.free_count;
  not_here.free_bytes -= bytes;
}

StackDelta& shared_delta_of(ThreadCounters& counters, core::StackId stack) {
  constexpr uint32_t kMissesForgiven = 16;
  if (counters.deltas.misses > 4 * counters.deltas.mask + kMissesForgiven) [[unlikely]]
    judge_delta_size(counters);
  return delta_of(counters.deltas, stack);
}

void count_alloc_shared(ThreadCounters& counters, core::StackId stack, size_t bytes) {
  StackDelta& delta = shared_delta_of(counters, stack);
  ++delta.alloc_count;
  delta.alloc_bytes += bytes;
  if (delta.live_bytes() > delta.max_bytes) delta.max_bytes = delta.live_bytes();
}

void count_free_shared(ThreadCounters& counters, core::StackId stack, size_t bytes, bool temporary) {
  StackDelta& delta = shared_delta_of(counters, stack);
  ++delta.free_count;
  delta.free_bytes += bytes;
  delta.temporary_count += temporary;
}

// Negative: freed. The threshold bounds the peak's error.
void publish_live_shared(ThreadCounters& counters, int64_t bytes) {
  counters.unpublished_live_bytes += bytes;
  const int64_t held = counters.unpublished_live_bytes;
  const int64_t threshold = publish_threshold.load(std::memory_order_relaxed);
  if (held > threshold || held < -threshold) [[unlikely]]
    publish_shared(counters);
}

}  // namespace

void count_alloc(ThreadCounters& counters, core::StackId stack, size_t bytes, BlockClass block_class, uint64_t tick) {
  if (single_threaded()) {
    count_alloc_alone(counters_of(stack), bytes);
    publish_alloc_alone(bytes, tick);
  } else {
    count_alloc_shared(counters, stack, bytes);
    publish_live_shared(counters, static_cast<int64_t>(bytes));
  }
  add_alloc(counters.size_classes[block_class.index], bytes);
  if (block_class.displaces(bytes)) [[unlikely]]
    count_displaced_alloc(counters, block_class, bytes);
}

void count_free(ThreadCounters& counters, core::StackId stack, uintptr_t address, size_t bytes,
                BlockClass block_class) {
  const bool temporary = counters.last_allocated == address;
  if (temporary) {
    counters.last_allocated = 0;
    ++counters.temporary_count;
  }
  if (single_threaded()) {
    StackCounters& of_stack = counters_of(stack);
    count_free_alone(of_stack, bytes);
    of_stack.temporary_count += temporary;
    publish_free_alone(bytes);
  } else {
    count_free_shared(counters, stack, bytes, temporary);
    publish_live_shared(counters, -static_cast<int64_t>(bytes));
  }
  add_free(counters.size_classes[block_class.index], bytes);
  if (block_class.displaces(bytes)) [[unlikely]]
    count_displaced_free(counters, block_class, bytes);
}

}  // namespace weir::track
