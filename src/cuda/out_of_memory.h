// Calls that failed for want of device memory, each with who held it at that moment. The first few; later ones are counted.
#pragma once

#include "cuda/allocation.h"

namespace weir::cuda {

struct RefusedRequest {
  Origin origin;
  const char* call;
  Kind kind;
  int device;
  uint64_t bytes;  // 0: not known
};

struct Holder {
  core::StackId stack;
  Kind kind;
  uint64_t bytes, count;
};

inline constexpr size_t kMostOutOfMemory = 8;
inline constexpr size_t kMostHolders = 16;

struct OutOfMemory {
  bool is_whole;  // else another thread is still looking who holds the memory
  RefusedRequest request;
  uint64_t live_bytes, live_count;  // on that device
  size_t holder_count;
  Holder holders[kMostHolders];  // most bytes first
};

void record_out_of_memory(const RefusedRequest& request);

size_t out_of_memory_count();  // of the list
uint64_t out_of_memory_left_out_count();
const OutOfMemory& out_of_memory(size_t index);

void out_of_memory_reset_after_fork();

}  // namespace weir::cuda
