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

}  // namespace

void count_alloc(ThreadCounters& counters, core::StackId stack, size_t bytes, BlockClass block_class, uint64_t tick) {
  if (single_threaded()) {
    count_alloc_alone(counters_of(stack), bytes);
    publish_alloc_alone(bytes, tick);
  } else {
    count_alloc_shared(counters, stack, bytes);
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
  }
  add_free(counters.size_classes[block_class.index], bytes);
  if (block_class.displaces(bytes)) [[unlikely]]
    count_displaced_free(counters, block_class, bytes);
}

}  // namespace weir::track
