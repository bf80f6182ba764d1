#include "cuda/contexts.h"

#include "core/arena.h"
#include "core/guard.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "cuda/allocation_table.h"
#include "cuda/heap_errors.h"

namespace weir::cuda {
namespace {

core::SpinLock lock;  // guards what follows
uint64_t primaries[kMostDevices];
uint32_t retains[kMostDevices], retains_under_way[kMostDevices];
FreedWithContext* freed;
size_t freed_count;
constexpr size_t kPlaces = kMostFreedWithContext * 2;
WEIR_LARGE_TABLE uint16_t places[kPlaces];  // hash of the entries: number + 1; 0: free

size_t place_of(const Allocation& allocation) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  constexpr int kShift = 40;
  const uint64_t word = (uint64_t{core::index_of(allocation.origin.stack)} << 24) |
                        (static_cast<uint64_t>(allocation.kind) << 16) | static_cast<uint16_t>(allocation.device);
  return ((word * kMultiplier) >> kShift) % kPlaces;
}

bool is_of(const FreedWithContext& entry, const Allocation& allocation) {
  return entry.stack == allocation.origin.stack && entry.kind == allocation.kind && entry.device == allocation.device;
}

FreedWithContext* entry_of(const Allocation& allocation) {
  size_t place = place_of(allocation);
  for (; places[place] != 0; place = (place + 1) % kPlaces) {
    if (is_of(freed[places[place] - 1], allocation)) return &freed[places[place] - 1];
  }
  if (freed_count == kMostFreedWithContext) return nullptr;
  freed[freed_count] = {allocation.origin.stack, allocation.kind, allocation.device, 0, 0};
  places[place] = static_cast<uint16_t>(++freed_count);
  return &freed[freed_count - 1];
}

void add_freed(void*, const Allocation& allocation) {
  remember_gone(allocation);
  if (!traits_of(allocation.kind).is_leak) return;
  const core::LockScope scope(lock);
  if (freed == nullptr) freed = core::arena_array<FreedWithContext>(kMostFreedWithContext);
  FreedWithContext* entry = freed == nullptr ? nullptr : entry_of(allocation);
  if (entry == nullptr) return;
  entry->bytes += allocation.bytes;
  ++entry->count;
}

}  // namespace

void note_primary_context(int device, uint64_t context) {
  if (!is_listed(device)) return;
  const core::Guard guard;
  const core::LockScope scope(lock);
  primaries[device] = context;
}

uint64_t primary_context(int device) {
  if (!is_listed(device)) return 0;
  const core::Guard guard;
  const core::LockScope scope(lock);
  return primaries[device];
}

PrimaryRetain::PrimaryRetain(int device) : device_(device) {
  if (!is_listed(device_)) return;
  const core::LockScope scope(lock);
  ++retains_under_way[device_];
}

void PrimaryRetain::finish(bool is_retained) {
  if (!is_listed(device_) || !is_retained) return;
  const core::LockScope scope(lock);
  ++retains[device_];
}

PrimaryRetain::~PrimaryRetain() {
  if (!is_listed(device_)) return;
  const core::LockScope scope(lock);
  --retains_under_way[device_];
}

void begin_primary_release(int device) {
  if (!is_listed(device)) return;
  const core::LockScope scope(lock);
  if (retains[device] != 0) --retains[device];
}

void primary_release_refused(int device) {
  if (!is_listed(device)) return;
  const core::LockScope scope(lock);
  ++retains[device];
}

void forget_primary_retains(int device) {
  if (!is_listed(device)) return;
  const core::LockScope scope(lock);
  retains[device] = 0;
}

bool is_primary_held(int device) {
  if (!is_listed(device)) return false;
  const core::LockScope scope(lock);
  return retains[device] != 0;
}

bool may_be_retained_anew(int device) {
  if (!is_listed(device)) return false;
  const core::LockScope scope(lock);
  return retains[device] + retains_under_way[device] != 0;
}

void end_context(uint64_t context, uint64_t serial) {
  if (context == 0) return;
  const core::Guard guard;
  take_of_context(context, serial, &add_freed, nullptr);
}

size_t freed_with_context_count() {
  const core::LockScope scope(lock);
  return freed_count;
}

const FreedWithContext& freed_with_context(size_t index) { return freed[index]; }

void contexts_reset_after_fork() {
  lock.reset_after_fork();
  for (int device = 0; device < kMostDevices; ++device) {
    primaries[device] = 0;
    retains[device] = retains_under_way[device] = 0;
  }
  freed_count = 0;
  for (uint16_t& place : places) place = 0;
}

}  // namespace weir::cuda
