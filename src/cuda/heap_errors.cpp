#include "cuda/heap_errors.h"

#include "core/arena.h"
#include "core/spin_lock.h"
#include "cuda/allocation_table.h"

namespace weir::cuda {
namespace {

constexpr size_t kFreedSlots = 4096;  // a power of two
constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
constexpr int kHashShift = 40;

struct Freed {
  Allocation allocation;
  Origin freed_by;
  bool is_known;
  bool went_with_context;
};

core::SpinLock lock;  // guards everything below
Freed* freed_slots;   // nullptr until the first free
HeapError* errors;
size_t error_count;
uint64_t left_out_count;

Freed& slot_of(Space space, uint64_t key) {
  const uint64_t hash = (key ^ (static_cast<uint64_t>(space) << 60)) * kMultiplier;
  return freed_slots[(hash >> kHashShift) & (kFreedSlots - 1)];
}

bool is_of(const Freed& freed, Space space, uint64_t key) {
  return freed.is_known && freed.allocation.space == space && freed.allocation.key == key;
}

// What lies at the pointer now, in the space that its function frees from or in another: a free by the wrong function.
bool find_in_any_space(const BadFree& call, Allocation* found) {
  if (find_allocation(call.space, call.key, found)) return true;
  constexpr Space kAddresses[] = {Space::address, Space::registration, Space::mapping};
  for (const Space space : kAddresses) {
    if (space != call.space && find_allocation(space, call.key, found)) return true;
  }
  return false;
}

HeapError describe(const BadFree& call) {
  HeapError error{call, HeapErrorKind::foreign_free, false, {}, {}};
  if (find_in_any_space(call, &error.allocation)) {
    error.has_allocation = true;
    error.kind = error.allocation.key == call.key ? HeapErrorKind::mismatched_free : HeapErrorKind::interior_free;
  }
  return error;
}

// False where it is no error after all.
bool look_among_freed(HeapError& error) {
  if (error.has_allocation || freed_slots == nullptr) return true;
  const Freed& freed = slot_of(error.call.space, error.call.key);
  if (!is_of(freed, error.call.space, error.call.key)) return true;
  if (freed.went_with_context) return false;
  error.kind = HeapErrorKind::double_free;
  error.has_allocation = true;
  error.allocation = freed.allocation;
  error.freed_by = freed.freed_by;
  return true;
}

void remember(const Freed& freed) {
  const core::LockScope scope(lock);
  if (freed_slots == nullptr) freed_slots = core::arena_array<Freed>(kFreedSlots);
  if (freed_slots != nullptr) slot_of(freed.allocation.space, freed.allocation.key) = freed;
}

}  // namespace

const char* heap_error_name(HeapErrorKind kind) {
  constexpr const char* kNames[] = {"double_free", "interior_free", "mismatched_free", "foreign_free"};
  return kNames[static_cast<size_t>(kind)];
}

void record_bad_free(const BadFree& call) {
  HeapError error = describe(call);
  const core::LockScope scope(lock);
  if (!look_among_freed(error)) return;
  if (errors == nullptr) errors = core::arena_array<HeapError>(kMostHeapErrors);
  if (errors == nullptr || error_count == kMostHeapErrors) {
    ++left_out_count;
    return;
  }
  errors[error_count++] = error;
}

void remember_freed(const Allocation& allocation, const Origin& freed_by) {
  remember({allocation, freed_by, true, false});
}

void remember_gone(const Allocation& allocation) { remember({allocation, {}, true, true}); }

void forget_freed(Space space, uint64_t key) {
  const core::LockScope scope(lock);
  if (freed_slots == nullptr) return;
  Freed& freed = slot_of(space, key);
  if (is_of(freed, space, key)) freed.is_known = false;
}

size_t heap_error_count() {
  const core::LockScope scope(lock);
  return error_count;
}

uint64_t heap_errors_left_out_count() {
  const core::LockScope scope(lock);
  return left_out_count;
}

const HeapError& heap_error(size_t index) { return errors[index]; }

void heap_errors_reset_after_fork() {
  lock.reset_after_fork();
  freed_slots = nullptr;
  error_count = 0;
  left_out_count = 0;
}

}  // namespace weir::cuda
