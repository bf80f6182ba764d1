// What the options ask of the pools of CUDA's memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::cuda::pool {

// strict: a free waits for the device, as the driver's own may, and returns what earlier work left as an error. deferred (`on`): it does
// not wait. vmm: as strict, from segments of virtual addresses whose physical memory moves. off: the driver serves every call.
enum class Mode : uint8_t { strict, deferred, off, vmm };

// An amount of memory: bytes, or a share of a device's memory (0 to 1). Both: the smaller of the two. Neither: no limit.
struct Amount {
  uint64_t bytes = 0;
  double share = 0;
  bool is_set() const { return bytes != 0 || share > 0; }
};

struct PrewarmItem {
  uint64_t bytes;
  uint64_t count;  // 0: as many as its equal part of the share gives
};
inline constexpr size_t kMostPrewarmItems = 16;

struct Settings {
  Mode device_mode = Mode::strict;
  bool pinned = true;
  uint64_t initial_bytes = 0;   // taken from the driver at a context's first allocation
  Amount most{};                // live and idle together that the pool holds of a device; beyond it the driver serves
  Amount most_idle{};           // kept for reuse of a device
  uint64_t idle_ns = 0;         // given back when not used for so long; 0: kept
  double trim_above = 0;        // share of the device (or of the cgroup, for pinned memory) that is in use; 0: off
  double compact_above = 0;     // fragmentation; 0: off
  double warn_utilization = 0;  // of the device; 0: off
  double warn_fragmentation = 0;
  uint64_t most_pinned_bytes = 0;  // idle, kept for reuse; 0: none
  PrewarmItem prewarm[kMostPrewarmItems] = {};
  size_t prewarm_count = 0;
  double prewarm_share = 0;  // of the device, in equal parts for each item; 0: by the items' counts
};

}  // namespace weir::cuda::pool
