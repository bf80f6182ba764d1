#include "leak/root_regions.h"

#include <cstring>

#include "core/arena.h"
#include "core/spin_lock.h"

namespace weir::leak {
namespace {

struct Region {
  uintptr_t start;
  size_t bytes;
};

constexpr size_t kFirstCapacity = 64;

constinit core::SpinLock lock;
Region* regions;
size_t capacity, count;

bool grow() {
  const size_t wanted = capacity == 0 ? kFirstCapacity : capacity * 2;
  auto* grown = core::arena_array<Region>(wanted);
  if (grown == nullptr) return false;
  if (count != 0) memcpy(grown, regions, count * sizeof(Region));
  if (regions != nullptr) core::arena_release(regions, capacity * sizeof(Region));
  regions = grown;
  capacity = wanted;
  return true;
}

}  // namespace

bool add_root(uintptr_t start, size_t bytes) {
  uintptr_t end = 0;
  if (bytes == 0 || __builtin_add_overflow(start, bytes, &end)) return false;
  const core::LockScope scope(lock);
  if (count == capacity && !grow()) return false;
  regions[count++] = {start, bytes};
  return true;
}

bool remove_root(uintptr_t start, size_t bytes) {
  const core::LockScope scope(lock);
  for (size_t i = count; i-- > 0;) {
    if (regions[i].start != start || regions[i].bytes != bytes) continue;
    regions[i] = regions[--count];
    return true;
  }
  return false;
}

void for_each_root(RootVisitor visit, void* context) {
  const core::LockScope scope(lock);
  for (size_t i = 0; i < count; ++i) visit(context, regions[i].start, regions[i].bytes);
}

void root_regions_reset_after_fork() { lock.reset_after_fork(); }

}  // namespace weir::leak
