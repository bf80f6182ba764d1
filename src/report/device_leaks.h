// What is still allocated of CUDA's memory, by stack, kind, device and class.
#pragma once

#include "core/scratch.h"
#include "cuda/allocation.h"
#include "leak/leak_class.h"
#include "report/block_section.h"

namespace weir::leak {
class Classification;
}

namespace weir::report {

struct DeviceLeak {
  core::StackId stack;
  cuda::Kind kind;
  int16_t device;
  leak::LeakClass leak_class;
  bool may_be_held_on_device;  // of a possibly lost one: why it is no worse
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
  // Reads the live set once. classes: nullptr: all are `live`. False where working memory ran out.
  bool take(uint64_t large_bytes, const leak::Classification* classes = nullptr);

  const core::ScratchArray<DeviceLeak>& leaks() const { return leaks_; }        // most bytes first
  const core::ScratchArray<cuda::Allocation>& large() const { return large_; }  // largest first, at most kMaxLarge
  // Allocated while recording was off (track/recording.h): not listed.
  uint64_t unrecorded_count() const { return unrecorded_count_; }
  uint64_t unrecorded_bytes() const { return unrecorded_bytes_; }

 private:
  void add(const cuda::Allocation& allocation);
  struct Group {
    core::StackId stack;
    cuda::Kind kind;
    int16_t device;
    leak::LeakClass leak_class;
    bool may_be_held_on_device;
    bool operator==(const Group&) const = default;
  };
  Group group_of(const cuda::Allocation& allocation) const;
  static Group group_of(const DeviceLeak& leak);
  DeviceLeak* leak_of(const cuda::Allocation& allocation);
  bool grow_slots();
  size_t place_of(const Group& group) const;

  uint64_t large_bytes_ = UINT64_MAX;
  const leak::Classification* classes_ = nullptr;
  bool out_of_memory_ = false;
  uint64_t unrecorded_count_ = 0, unrecorded_bytes_ = 0;
  core::ScratchArray<uint32_t> slots_;  // hash of the group: place in leaks_ + 1
  core::ScratchArray<DeviceLeak> leaks_;
  core::ScratchArray<cuda::Allocation> large_;
};

}  // namespace weir::report
