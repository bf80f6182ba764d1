// Counting an event of any kind; what one thread alone counts of an ordinary one is inline in thread_counters.h.
#include "track/thread_counters.h"

namespace weir::track {
namespace {

// A block whose power of two is not its size class's: it is counted where it belongs, and taken off where the class would be.
void count_displaced_alloc(ThreadCounters& counters, BlockClass block_class, size_t bytes, Amount amount) {
  add_alloc(counters.displaced[power_of_two_index(bytes)], amount);
  if (block_class.index == kNoSizeClass) return;
  ThreadFigures& not_here = counters.displaced[power_of_two_index(size_class_bytes(block_class.index))];
  not_here.alloc_count -= amount.count;
  not_here.alloc_bytes -= amount.bytes;
}

void count_displaced_free(ThreadCounters& counters, BlockClass block_class, size_t bytes, Amount amount) {
  add_free(counters.displaced[power_of_two_index(bytes)], amount);
  if (block_class.index == kNoSizeClass) return;
  ThreadFigures& not_here = counters.displaced[power_of_two_index(size_class_bytes(block_class.index))];
  not_here.free_count -= amount.count;
  not_here.free_bytes -= amount.bytes;
}

// bytes: of the block itself.
[[gnu::always_inline]] inline void count_any_alloc(ThreadCounters& counters, core::StackId stack, size_t bytes,
                                                   Amount amount, BlockClass block_class, uint64_t tick) {
  if (single_threaded()) {
    count_alloc_alone(counters_of(stack), amount);
    publish_alloc_alone(amount.bytes, tick);
  } else {
    count_alloc_shared(counters, stack, amount);
  }
  add_alloc(figures_of(counters, block_class), amount);
  if (block_class.displaces(bytes)) [[unlikely]]
    count_displaced_alloc(counters, block_class, bytes, amount);
}

[[gnu::always_inline]] inline void count_any_free(ThreadCounters& counters, core::StackId stack, uintptr_t address,
                                                  size_t bytes, Amount amount, BlockClass block_class) {
  uint64_t temporary_count = 0;
  if (counters.last_allocated == address) {
    counters.last_allocated = 0;
    temporary_count = amount.count;
    counters.temporary_count += temporary_count;
  }
  if (single_threaded()) {
    StackCounters& of_stack = counters_of(stack);
    count_free_alone(of_stack, amount);
    of_stack.temporary_count += temporary_count;
    publish_free_alone(amount.bytes);
  } else {
    count_free_shared(counters, stack, amount, temporary_count);
  }
  add_free(figures_of(counters, block_class), amount);
  if (block_class.displaces(bytes)) [[unlikely]]
    count_displaced_free(counters, block_class, bytes, amount);
}

}  // namespace

void count_alloc(ThreadCounters& counters, core::StackId stack, size_t bytes, BlockClass block_class, uint64_t tick) {
  count_any_alloc(counters, stack, bytes, bytes, block_class, tick);
}

void count_free(ThreadCounters& counters, core::StackId stack, uintptr_t address, size_t bytes,
                BlockClass block_class) {
  count_any_free(counters, stack, address, bytes, bytes, block_class);
}

void count_sampled_alloc(ThreadCounters& counters, core::StackId stack, size_t bytes, Weight weight,
                         BlockClass block_class, uint64_t tick) {
  ++counters.sample_count;
  count_any_alloc(counters, stack, bytes, weight, block_class, tick);
}

void count_sampled_free(ThreadCounters& counters, core::StackId stack, uintptr_t address, size_t bytes, Weight weight,
                        BlockClass block_class) {
  count_any_free(counters, stack, address, bytes, weight, block_class);
}

}  // namespace weir::track
