#include "report/leak_rows.h"

#include <algorithm>

#include "leak/classify.h"
#include "report/device_leaks.h"
#include "report/snapshot.h"

namespace weir::report {
namespace {

using leak::LeakClass;

bool is_lost(LeakClass leak_class) { return leak_class == LeakClass::definite || leak_class == LeakClass::indirect; }

LeakRow row_of(const Snapshot& snapshot, const Leak& leak) {
  LeakRow row{leak.leak_class, memory_name(leak.memory), leak.stack, leak.bytes, leak.count, 0};
  snapshot.for_each_sample(leak, [&row](const SampledBlock& sample) {
    if (row.sample_address == 0) row.sample_address = sample.address;
  });
  return row;
}

LeakRow row_of(const DeviceLeak& leak) {
  const uint64_t address = leak.sample_count == 0 ? 0 : leak.samples[0].key;
  return {leak.leak_class, cuda::traits_of(leak.kind).name, leak.stack, leak.bytes, leak.count, address};
}

}  // namespace

uint64_t lost_count(const Snapshot& snapshot, const DeviceLeaks& of_devices) {
  uint64_t count = 0;
  for (size_t i = 0; i < snapshot.leak_count(); ++i) {
    if (is_lost(snapshot.leak(i).leak_class)) count += snapshot.leak(i).count;
  }
  for (const DeviceLeak& leak : of_devices.leaks()) {
    if (is_lost(leak.leak_class)) count += leak.count;
  }
  return count;
}

bool LeakRows::take(const core::Inside& inside, uint64_t ignore_before_tick, bool classifies) {
  Snapshot snapshot;
  DeviceLeaks of_devices;
  leak::Classification classes;
  if (classifies) classes.take(inside, /*is_last=*/false);
  const bool is_read = snapshot.take(ignore_before_tick, UINT64_MAX, &classes) && of_devices.take(UINT64_MAX, &classes);
  classes.let_go();
  if (!is_read) return false;
  for (size_t i = 0; i < snapshot.leak_count(); ++i) {
    if (!rows_.push(row_of(snapshot, snapshot.leak(i)))) return false;
  }
  for (const DeviceLeak& leak : of_devices.leaks()) {
    if (!rows_.push(row_of(leak))) return false;
  }
  std::sort(rows_.begin(), rows_.end(), [](const LeakRow& a, const LeakRow& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.stack < b.stack;
  });
  return true;
}

}  // namespace weir::report
