#include "cuda/contexts.h"

#include "core/arena.h"
#include "core/guard.h"
#include "core/spin_lock.h"
#include "cuda/allocation_table.h"
#include "cuda/device_memory.h"

namespace weir::cuda {
namespace {

core::SpinLock lock;  // guards what follows
uint64_t primaries[kMostDevices];
FreedWithContext* freed;
size_t freed_count;

bool is_listed(int device) { return device >= 0 && device < kMostDevices; }

FreedWithContext* entry_of(const Allocation& allocation) {
  for (size_t i = 0; i < freed_count; ++i) {
    FreedWithContext& entry = freed[i];
    if (entry.stack == allocation.origin.stack && entry.kind == allocation.kind && entry.device == allocation.device) {
      return &entry;
    }
  }
  if (freed_count == kMostFreedWithContext) return nullptr;
  freed[freed_count] = {allocation.origin.stack, allocation.kind, allocation.device, 0, 0};
  return &freed[freed_count++];
}

void add_freed(void*, const Allocation& allocation) {
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

void end_context(uint64_t context, uint64_t serial) {
  if (context == 0) return;
  for (int device = 0; device < kMostDevices; ++device) {
    const uint64_t primary = primary_context(device);
    replace_context_of_memory(context, device, primary == context ? 0 : primary);
  }
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
  for (uint64_t& primary : primaries) primary = 0;
  freed_count = 0;
}

}  // namespace weir::cuda
