#include "track/heap_errors.h"

#include "core/arena.h"
#include "core/spin_lock.h"

namespace weir::track {
namespace {

core::SpinLock lock;  // guards everything below
HeapError* errors;    // nullptr until the first
size_t error_count;
uint64_t repeated_count;
uint64_t left_out_count;

bool is_same(const HeapError& a, const HeapError& b) {
  return a.kind == b.kind && a.event.stack == b.event.stack && a.block.stack == b.block.stack &&
         a.freed.stack == b.freed.stack && a.call == b.call;
}

HeapError* find_same(const HeapError& error) {
  for (size_t i = 0; i < error_count; ++i) {
    if (is_same(errors[i], error)) return &errors[i];
  }
  return nullptr;
}

}  // namespace

const char* heap_error_name(HeapErrorKind kind) {
  constexpr const char* kNames[] = {"double_free",     "foreign_free", "interior_free",
                                    "mismatched_free", "wrong_size",   "wrong_alignment",
                                    "realloc_freed",   "overflow",     "use_after_free"};
  return kNames[static_cast<size_t>(kind)];
}

void record_heap_error(const HeapError& error) {
  const core::LockScope scope(lock);
  if (HeapError* same = find_same(error)) {
    ++same->count;
    ++repeated_count;
    return;
  }
  if (errors == nullptr) errors = core::arena_array<HeapError>(kMostHeapErrors);
  if (errors == nullptr || error_count == kMostHeapErrors) {
    ++left_out_count;
    return;
  }
  errors[error_count] = error;
  errors[error_count++].count = 1;
}

size_t heap_error_count() {
  const core::LockScope scope(lock);
  return error_count;
}

uint64_t all_heap_errors_count() {
  const core::LockScope scope(lock);
  return error_count + repeated_count + left_out_count;
}

uint64_t heap_errors_left_out_count() {
  const core::LockScope scope(lock);
  return left_out_count;
}

HeapError heap_error(size_t index) {
  const core::LockScope scope(lock);
  return errors[index];
}

void heap_errors_reset_after_fork() {
  lock.reset_after_fork();
  error_count = 0;
  repeated_count = 0;
  left_out_count = 0;
}

}  // namespace weir::track
