// Calls that misused the host's heap, and damage that was found in it. Bounded: equal ones are one row with a count, and what comes
// when the list is full is counted only.
//
// Any thread; a short lock. No memory but the list's own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "track/record.h"

namespace weir::track {

enum class HeapErrorKind : uint8_t {
  double_free,      // it was freed before, and not handed out again
  foreign_free,     // it is no block's and of no allocator's heap
  interior_free,    // it lies inside a block, or between its end and the next one
  mismatched_free,  // another family of functions gave it: malloc, new, new[], or their aligned forms
  wrong_size,       // a sized delete names another size than new did
  wrong_alignment,  // an aligned delete names another alignment than new did
  realloc_freed,
  overflow,        // bytes outside of the block were written to
  use_after_free,  // it was written to after its free, or asked about
};
const char* heap_error_name(HeapErrorKind kind);

// Where something happened. The thread is unknown where nothing but the stack is known, if that.
struct HeapEvent {
  core::StackId stack = core::StackId::unknown;
  core::ThreadId thread = core::ThreadId::unknown;
  uint64_t tick = 0;
};

inline constexpr uint64_t kNotSaid = UINT64_MAX;

struct HeapError {
  HeapErrorKind kind;
  const char* call;             // the function's name, or what came upon the damage; static text
  uintptr_t address;            // what the call was given; of damage, its first byte
  HeapEvent event;              // the call
  uint64_t said_bytes;          // by a sized delete; kNotSaid
  uint64_t said_alignment;      // by an aligned delete; 0: none
  const char* place = nullptr;  // of a pointer that is no block's: what lies there; static text
  bool has_block = false;       // what it is, was, or lies in or beside
  bool was_freed = false;
  Block block;  // thread and tick are those of the allocation, unknown where the record tells of the free instead
  HeapEvent freed;
  uint64_t count = 1;
};

inline constexpr size_t kMostHeapErrors = 256;

// Takes `error` into the list, or counts it to the row of the same kind, call and stacks.
void record_heap_error(const HeapError& error);

size_t heap_error_count();              // rows of the list
uint64_t all_heap_errors_count();       // with the repeated and the left out
uint64_t heap_errors_left_out_count();  // of no row
HeapError heap_error(size_t index);

void heap_errors_reset_after_fork();

}  // namespace weir::track
