#include "track/stack_deltas.h"

#include "core/arena.h"

namespace weir::track {
namespace {

constexpr uint32_t kFirstSize = 64;

template <class Word>
Word load(const Word& word) {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}
template <class Word>
void store(Word& word, Word value) {
  __atomic_store_n(&word, value, __ATOMIC_RELAXED);
}
template <class Word>
Word add(Word& word, Word value) {
  return __atomic_add_fetch(&word, value, __ATOMIC_RELAXED);
}

// The events came after the current peak: what was live before them is what was live at the peak. Two threads may settle a
// stack at once: near enough, as peaks by stack are promised exact for one thread only.
void settle_peak(StackCounters& counters, uint32_t epoch) {
  if (load(counters.peak_epoch) == epoch) return;
  store(counters.at_peak_bytes, load(counters.alloc_bytes) - load(counters.free_bytes));
  store(counters.at_peak_count, static_cast<uint32_t>(load(counters.alloc_count) - load(counters.free_count)));
  store(counters.peak_epoch, epoch);
}

}  // namespace

void add_to_counters(const StackDelta& delta, StackCounters& counters) {
  const uint32_t epoch = shared_peak_epoch();
  if (delta.epoch == epoch) {
    settle_peak(counters, epoch);
  } else if (load(counters.peak_epoch) == epoch) {
    // They came before the peak, and another thread has settled the stack without them.
    add(counters.at_peak_bytes, static_cast<uint64_t>(delta.live_bytes()));
    add(counters.at_peak_count, static_cast<uint32_t>(delta.alloc_count - delta.free_count));
  }
  const auto before = static_cast<int64_t>(load(counters.alloc_bytes) - load(counters.free_bytes));
  const int64_t highest = before + delta.max_bytes;
  if (highest > static_cast<int64_t>(load(counters.max_bytes))) {
    store(counters.max_bytes, static_cast<uint64_t>(highest));
  }
  // A locked addition takes as long as all else here, and most entries that are replaced have but allocations, or but frees.
  if (delta.alloc_count != 0) {
    add(counters.alloc_count, delta.alloc_count);
    add(counters.alloc_bytes, delta.alloc_bytes);
  }
  if (delta.free_count != 0) {
    add(counters.free_count, delta.free_count);
    add(counters.free_bytes, delta.free_bytes);
  }
  if (delta.temporary_count != 0) add(counters.temporary_count, delta.temporary_count);
}

void flush_stack_delta(StackDelta& delta) {
  if (!delta.empty()) add_to_counters(delta, counters_of(delta.stack));
  const core::StackId stack = delta.stack;
  delta = {};
  delta.stack = stack;
  delta.epoch = shared_peak_epoch();
}

void flush_stack_deltas(StackDeltas& deltas) {
  for (uint32_t i = 0; i <= deltas.mask; ++i) flush_stack_delta(deltas.entries[i]);
}

StackDelta& replace_stack_delta(StackDeltas& deltas, core::StackId stack) {
  StackDelta& delta = deltas.entries[core::index_of(stack) & deltas.mask];
  flush_stack_delta(delta);
  deltas.misses += delta.stack != stack;
  delta.stack = stack;
  return delta;
}

void grow_stack_deltas(StackDeltas& deltas) {
  const uint32_t size = deltas.mask == 0 ? kFirstSize : (deltas.mask + 1) * 2;
  auto* entries = size > kMostStackDeltas ? nullptr : core::arena_array<StackDelta>(size);
  if (entries == nullptr) return;
  flush_stack_deltas(deltas);
  StackDelta* outgrown = deltas.entries;
  const size_t outgrown_bytes = deltas.bytes();
  deltas.entries = entries;
  deltas.mask = size - 1;
  if (outgrown_bytes != 0) core::arena_release(outgrown, outgrown_bytes);
}

}  // namespace weir::track
