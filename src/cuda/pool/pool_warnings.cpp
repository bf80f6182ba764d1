#include "cuda/pool/pool_warnings.h"

#include <algorithm>

#include "core/clock.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "cuda/allocation.h"
#include "cuda/allocation_table.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/pool_control.h"

namespace weir::cuda::pool {
namespace {

constexpr size_t kMostWarnings = kWarningKinds * (kMostDevices + 1);  // each kind, for each device and for none

core::SpinLock lock;  // guards what follows
WEIR_LARGE_TABLE Warning warnings[kMostWarnings];
size_t count_of_warnings;

int listed(int device) { return device < 0 ? kNoDevice : std::min(device, kMostDevices - 1); }

Warning* find(WarningKind kind, int device) {
  Warning* const end = warnings + count_of_warnings;
  Warning* const found =
      std::find_if(warnings, end, [&](const Warning& known) { return known.kind == kind && known.device == device; });
  return found == end ? nullptr : found;
}

// limit: 0 for none.
void note_if_above(WarningKind kind, int device, double ratio, double limit) {
  if (limit > 0 && ratio > limit) note_warning(kind, device, ratio);
}

}  // namespace

const char* warning_name(WarningKind kind) {
  constexpr const char* kNames[kWarningKinds] = {"utilization", "fragmentation"};
  return kNames[static_cast<size_t>(kind)];
}

void note_warning(WarningKind kind, int device, double ratio) {
  const int number = listed(device);
  const core::LockScope scope(lock);
  if (Warning* known = find(kind, number)) {
    known->highest_ratio = std::max(known->highest_ratio, ratio);
    ++known->count;
    return;
  }
  warnings[count_of_warnings++] = {kind, number, core::current_tick(), ratio, ratio, 1};
}

void warn_above_thresholds(int device, uint64_t used_bytes, uint64_t total_bytes) {
  const double utilization_limit = settings().warn_utilization, fragmentation_limit = settings().warn_fragmentation;
  if (!(utilization_limit > 0 || fragmentation_limit > 0)) return;
  const Figures pool = figures(Memory::device, device);
  const uint64_t idle_bytes = pool.cached_bytes + pool.quarantined_bytes;  // free to whoever asks
  if (total_bytes > 0 && used_bytes > idle_bytes) {
    const double used = static_cast<double>(used_bytes - idle_bytes) / static_cast<double>(total_bytes);
    note_if_above(WarningKind::utilization, device, used, utilization_limit);
  }
  note_if_above(WarningKind::fragmentation, device, pool.fragmentation_ratio(), fragmentation_limit);
  const Figures pinned = figures(Memory::pinned, kNoDevice);
  note_if_above(WarningKind::fragmentation, kNoDevice, pinned.fragmentation_ratio(), fragmentation_limit);
}

size_t warning_count() {
  const core::LockScope scope(lock);
  return count_of_warnings;
}

Warning warning(size_t index) {
  const core::LockScope scope(lock);
  return warnings[index];
}

void pool_warnings_reset_after_fork() {
  lock.reset_after_fork();
  count_of_warnings = 0;
}

}  // namespace weir::cuda::pool
