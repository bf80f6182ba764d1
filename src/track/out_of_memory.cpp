#include "track/out_of_memory.h"

#include <algorithm>
#include <atomic>

#include "core/large_table.h"
#include "track/stack_counters.h"

namespace weir::track {
namespace {

WEIR_LARGE_TABLE OutOfMemory events[kMostOutOfMemory];
std::atomic<size_t> begun_count{0};

bool holds_more(const Holder& a, const Holder& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.stack < b.stack; }

// Keeps the holders in order, and the smallest out where there are too many.
void offer(OutOfMemory& event, const Holder& holder) {
  Holder* const end = event.holders + event.holder_count;
  Holder* const place = std::lower_bound(event.holders, end, holder, &holds_more);
  if (place == event.holders + kMostHolders) return;
  if (event.holder_count < kMostHolders) ++event.holder_count;
  std::move_backward(place, event.holders + event.holder_count - 1, event.holders + event.holder_count);
  *place = holder;
}

// Counts read while other threads go on may be torn: what would be less than nothing is nothing.
uint64_t difference(uint64_t larger, uint64_t smaller) { return larger > smaller ? larger - smaller : 0; }

void look_who_holds(OutOfMemory& event, uint32_t last_stack) {
  for (uint32_t id = 0; id <= last_stack; ++id) {
    const auto stack = static_cast<core::StackId>(id);
    const StackCounters* counters = find_counters(stack);
    if (counters == nullptr) continue;
    const uint64_t count = difference(counters->alloc_count, counters->free_count);
    if (count == 0) continue;
    const uint64_t bytes = difference(counters->alloc_bytes, counters->free_bytes);
    event.live_count += count;
    event.live_bytes += bytes;
    offer(event, {stack, bytes, count});
  }
}

}  // namespace

void record_out_of_memory(const RefusedRequest& request, uint32_t last_stack) {
  if (begun_count.load(std::memory_order_relaxed) >= kMostOutOfMemory) return;
  const size_t index = begun_count.fetch_add(1, std::memory_order_relaxed);
  if (index >= kMostOutOfMemory) return;
  OutOfMemory& event = events[index];
  event = {};
  event.request = request;
  look_who_holds(event, last_stack);
  __atomic_store_n(&event.is_whole, true, __ATOMIC_RELEASE);
}

size_t out_of_memory_count() {
  const size_t begun = begun_count.load(std::memory_order_relaxed);
  return begun < kMostOutOfMemory ? begun : kMostOutOfMemory;
}

const OutOfMemory& out_of_memory(size_t index) { return events[index]; }

void out_of_memory_reset_after_fork() { begun_count.store(0, std::memory_order_relaxed); }

}  // namespace weir::track
