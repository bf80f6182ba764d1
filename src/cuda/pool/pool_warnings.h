// What the pools warn of: much of a device's memory in use, or idle memory in many pieces (WEIR_WARN_UTILIZATION, WEIR_WARN_FRAGMENTATION).
// The first of each kind and device is kept with its time, those after it are counted: a program that stays above a threshold adds nothing.
//
// Any thread. No allocation, no call of the driver's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::cuda::pool {

enum class WarningKind : uint8_t { utilization, fragmentation };
inline constexpr size_t kWarningKinds = 2;
const char* warning_name(WarningKind kind);

struct Warning {
  WarningKind kind;
  int device;            // kNoDevice: of the host, whose memory the pinned pool takes
  uint64_t tick;         // of the first
  double ratio;          // then; 0 to 1
  double highest_ratio;  // of all
  uint64_t count;        // of all
};

// Just now `ratio` of that device was found above its threshold. Devices beyond the listed ones count with the last.
void note_warning(WarningKind kind, int device, double ratio);

// Holds against the options' thresholds what the driver has just said of a device and what the pools have idle. Cost: none to speak of
// without such options; else that of figures(). Not with the pool's lock held.
void warn_above_thresholds(int device, uint64_t used_bytes, uint64_t total_bytes);

size_t warning_count();
// index: below warning_count(); in the order of time.
Warning warning(size_t index);

void pool_warnings_reset_after_fork();

}  // namespace weir::cuda::pool
