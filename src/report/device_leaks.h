// What is still allocated of CUDA's memory, by stack, kind and device.
#pragma once

#include "cuda/allocation.h"
#include "report/block_section.h"
#include "report/scratch.h"

namespace weir::report {

struct DeviceLeak {
  core::StackId stack;
  cuda::Kind kind;
  int16_t device;
  uint8_t sample_count;
  uint64_t bytes, taken_bytes, count;
  uint64_t first_tick, last_tick;
  const char* call;
  uint32_t thread_count;  // distinct ones, up to kMaxThreads
  core::ThreadId threads[kMaxThreads];
  cuda::Allocation samples[kMaxSamples];
};

class DeviceLeaks {
 public:
  // Reads the live set once. False where working memory ran out.
  bool take(uint64_t large_bytes);

  const ScratchArray<DeviceLeak>& leaks() const { return leaks_; }        // most bytes first
  const ScratchArray<cuda::Allocation>& large() const { return large_; }  // largest first, at most kMaxLarge

 private:
  void add(const cuda::Allocation& allocation);
  DeviceLeak* leak_of(const cuda::Allocation& allocation);
  bool grow_slots();
  size_t place_of(core::StackId stack, cuda::Kind kind, int16_t device) const;

  uint64_t large_bytes_ = UINT64_MAX;
  bool out_of_memory_ = false;
  ScratchArray<uint32_t> slots_;  // hash of (stack, kind, device): place in leaks_ + 1
  ScratchArray<DeviceLeak> leaks_;
  ScratchArray<cuda::Allocation> large_;
};

}  // namespace weir::report
