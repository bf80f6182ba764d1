#include "cuda/out_of_memory.h"

#include <algorithm>

#include "core/arena.h"
#include "core/own_memory.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "cuda/allocation_table.h"
#include "cuda/call.h"

namespace weir::cuda {
namespace {

constexpr size_t kMostGroups = size_t{1} << 16;  // distinct (stack, kind); beyond, they share the last

// Bytes by stack and kind: an open hash table in memory for the time of one look.
struct Groups {
  Holder* slots;  // count 0: free
  int device;
  uint64_t live_bytes, live_count;
};

bool is_of_device(const Allocation& allocation, int device) {
  return allocation.device == device && traits_of(allocation.kind).on_device;
}

Holder& group_of(const Groups& groups, core::StackId stack, Kind kind) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  const uint64_t pair = (uint64_t{core::index_of(stack)} << 8) | static_cast<uint64_t>(kind);
  size_t place = (pair * kMultiplier) >> 48;
  for (size_t steps = 0; steps < kMostGroups; ++steps, place = (place + 1) % kMostGroups) {
    Holder& slot = groups.slots[place];
    if (slot.count == 0) {
      slot.stack = stack;
      slot.kind = kind;
      return slot;
    }
    if (slot.stack == stack && slot.kind == kind) return slot;
  }
  return groups.slots[kMostGroups - 1];
}

void add_to_groups(void* context, const Allocation& allocation) {
  auto& groups = *static_cast<Groups*>(context);
  if (!is_of_device(allocation, groups.device)) return;
  Holder& group = group_of(groups, allocation.origin.stack, allocation.kind);
  group.bytes += allocation.bytes;
  ++group.count;
  groups.live_bytes += allocation.bytes;
  ++groups.live_count;
}

bool holds_more(const Holder& a, const Holder& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.stack < b.stack; }

// False where there is no memory to look.
bool look_who_holds(OutOfMemory& event) {
  auto* slots = static_cast<Holder*>(core::map_own(kMostGroups * sizeof(Holder)));
  if (slots == nullptr) return false;
  Groups groups{slots, event.request.device, 0, 0};
  for_each_allocation(&add_to_groups, &groups);
  std::partial_sort(slots, slots + kMostHolders, slots + kMostGroups, &holds_more);
  while (event.holder_count < kMostHolders && slots[event.holder_count].count != 0) {
    event.holders[event.holder_count] = slots[event.holder_count];
    ++event.holder_count;
  }
  event.live_bytes = groups.live_bytes;
  event.live_count = groups.live_count;
  core::unmap_own(slots, kMostGroups * sizeof(Holder));
  return true;
}

core::SpinLock lock;  // guards what follows
OutOfMemory* events;
size_t event_count;
uint64_t left_out_count;

// A place in the list, so that no lock is held while the live set is looked through; nullptr where it is full.
OutOfMemory* next_event() {
  const core::LockScope scope(lock);
  if (events == nullptr) events = core::arena_array<OutOfMemory>(kMostOutOfMemory);
  if (events != nullptr && event_count < kMostOutOfMemory) return &events[event_count++];
  ++left_out_count;
  return nullptr;
}

}  // namespace

void record_out_of_memory(const RefusedRequest& request) {
  OutOfMemory* event = settings().records_out_of_memory ? next_event() : nullptr;
  if (event == nullptr) return;
  *event = {};
  event->request = request;
  look_who_holds(*event);
  __atomic_store_n(&event->is_whole, true, __ATOMIC_RELEASE);
}

size_t out_of_memory_count() {
  const core::LockScope scope(lock);
  return event_count;
}

uint64_t out_of_memory_left_out_count() {
  const core::LockScope scope(lock);
  return left_out_count;
}

const OutOfMemory& out_of_memory(size_t index) { return events[index]; }

void out_of_memory_reset_after_fork() {
  lock.reset_after_fork();
  event_count = 0;
  left_out_count = 0;
}

}  // namespace weir::cuda
