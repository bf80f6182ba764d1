// Frees that the driver refused, and what is known of their pointers. Bounded: errors beyond the list are counted only.
#pragma once

#include "cuda/allocation.h"
#include "cuda/driver_types.h"

namespace weir::cuda {

struct BadFree {
  Origin origin;
  const char* call;
  Space space;
  uint64_t key;
  Result result;  // what the driver answered
};

enum class HeapErrorKind : uint8_t {
  double_free,      // it was freed before, and not handed out again
  interior_free,    // it lies inside a live allocation
  mismatched_free,  // it is a live allocation that another function frees
  foreign_free,     // nothing is known there
};
const char* heap_error_name(HeapErrorKind kind);

struct HeapError {
  BadFree call;
  HeapErrorKind kind;
  bool has_allocation;  // what it was, or what it lies in
  Allocation allocation;
  Origin freed_by;  // of a double free: the first one
};

void record_bad_free(const BadFree& call);

// What has just been freed, so that a second free can be told. The latest of each slot is known.
void remember_freed(const Allocation& allocation, const Origin& freed_by);
void forget_freed(Space space, uint64_t key);
// The same of what went with its context: a free that comes later is no error of the program's to be told.
void remember_gone(const Allocation& allocation);

inline constexpr size_t kMostHeapErrors = 256;
size_t heap_error_count();  // of the list
uint64_t heap_errors_left_out_count();
const HeapError& heap_error(size_t index);

void heap_errors_reset_after_fork();

}  // namespace weir::cuda
