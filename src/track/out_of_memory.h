// Requests of the host's heap that could not be served, each with who held its memory at that moment. The first few.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"
#include "track/record.h"

namespace weir::track {

struct RefusedRequest {
  uint64_t bytes;
  Family family;
  core::StackId stack;
  core::ThreadId thread;
  uint64_t tick;
};

struct Holder {
  core::StackId stack;
  uint64_t bytes, count;
};

inline constexpr size_t kMostOutOfMemory = 8;
inline constexpr size_t kMostHolders = 16;

struct OutOfMemory {
  bool is_whole;  // else another thread is still looking who holds the memory
  RefusedRequest request;
  uint64_t live_bytes, live_count;
  size_t holder_count;
  Holder holders[kMostHolders];  // most bytes first
};

// Looks through the counters of all stacks up to `last_stack`. With several threads what they have not added to them yet is left out.
// No memory is needed. Any thread, inside Weir.
void record_out_of_memory(const RefusedRequest& request, uint32_t last_stack);

size_t out_of_memory_count();  // of the list
const OutOfMemory& out_of_memory(size_t index);

void out_of_memory_reset_after_fork();

}  // namespace weir::track
