// A point of a device's timeline, as it is now: for the report's last one, and for those on the way there.
#pragma once

#include <cstdint>

#include "cuda/allocation_table.h"
#include "cuda/pool/pool_control.h"
#include "track/timeline.h"

namespace weir::report {

struct DevicePoint {
  track::DeviceSeries::Point point{};
  bool is_used = false;  // the program, or its pool, has or had something of the device
};

// Takes the locks of both tables, one after the other. Here, so that a running process touches nothing of the report's code.
inline DevicePoint device_point(int device, uint64_t tick) {
  const cuda::DeviceLive live = cuda::device_live(device);
  const cuda::pool::Held held = cuda::pool::held(cuda::pool::Memory::device, device);
  DevicePoint taken;
  taken.is_used = live.is_used || held.live_bytes + held.idle_bytes != 0;
  taken.point.tick = tick;
  taken.point.figures[track::kDeviceLiveBytes] = live.bytes;
  taken.point.figures[track::kDeviceReservedBytes] = held.live_bytes + held.idle_bytes;
  taken.point.figures[track::kDeviceIdleBytes] = held.idle_bytes;
  taken.point.figures[track::kDevicePinnedBytes] = live.pinned_bytes;
  return taken;
}

}  // namespace weir::report
