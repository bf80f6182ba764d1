// The course of the process's memory: points in the order of time, of bounded number. Points lie in slots of time, one for each; when a
// series is full its slots become twice as long, and points that share one then are merged: each figure keeps its highest value, so no
// peak is lost. Points of a program that idled stay as they are.
//
// A point is taken by an event of the program's, when the time of the last slot has passed (runtime/timeline.h). Times are ticks of
// core::current_tick().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/arena.h"
#include "core/spin_lock.h"

namespace weir::track {

// The first figure decides at which moment a merged point lies: where that figure was highest.
template <size_t kFigureCount>
struct TimePoint {
  uint64_t tick;
  uint64_t figures[kFigureCount];
};

template <size_t kFigureCount>
void keep_highest(TimePoint<kFigureCount>& point, const TimePoint<kFigureCount>& other) {
  if (other.figures[0] > point.figures[0]) point.tick = other.tick;  // guard: timeline-moment
  for (size_t i = 0; i < kFigureCount; ++i) {
    if (other.figures[i] > point.figures[i]) point.figures[i] = other.figures[i];
  }
}

// Not thread-safe. Memory is had from the arena at the first point.
template <size_t kFigureCount, size_t kMostPoints>
class PointSeries {
 public:
  using Point = TimePoint<kFigureCount>;
  static constexpr size_t kMost = kMostPoints;

  // Forgets all points. slot_ticks: at least 1.
  void begin(uint64_t slot_ticks) {
    slot_ticks_ = slot_ticks;
    count_ = 0;
  }

  // Points come by ascending tick. False where memory is out: it is not kept.
  bool add(const Point& point) {
    if (points_ == nullptr) points_ = core::arena_array<Point>(kMostPoints);
    if (points_ == nullptr) return false;
    if (count_ == kMostPoints) coarsen();
    append(point);
    return true;
  }

  // The first tick that lies in a later slot than `tick`.
  uint64_t next_slot(uint64_t tick) const { return (tick / slot_ticks_ + 1) * slot_ticks_; }

  uint64_t slot_ticks() const { return slot_ticks_; }
  size_t count() const { return count_; }
  const Point& operator[](size_t index) const { return points_[index]; }

 private:
  void append(const Point& point) {
    if (count_ > 0 && point.tick / slot_ticks_ <= points_[count_ - 1].tick / slot_ticks_) {
      keep_highest(points_[count_ - 1], point);
    } else {
      points_[count_++] = point;
    }
  }

  // Until a quarter of the places is free: a pass over all points then serves many to come.
  void coarsen() {
    while (count_ > kMostPoints * 3 / 4) {
      slot_ticks_ *= 2;
      const size_t before = count_;
      count_ = 0;
      for (size_t i = 0; i < before; ++i) append(points_[i]);
    }
  }

  Point* points_ = nullptr;
  size_t count_ = 0;
  uint64_t slot_ticks_ = 0;
};

// What a point of the host says; 0 where a resident figure is not known.
inline constexpr size_t kHostLiveBytes = 0;  // as asked for
inline constexpr size_t kHostLiveCount = 1;
inline constexpr size_t kHostReservedBytes = 2;  // by the pool, from the kernel
inline constexpr size_t kHostMappedBytes = 3;    // by the program itself
inline constexpr size_t kHostRssBytes = 4;
inline constexpr size_t kHostPeakRssBytes = 5;
inline constexpr size_t kHostFigures = 6;
// Of a device.
inline constexpr size_t kDeviceLiveBytes = 0;      // as asked for
inline constexpr size_t kDeviceReservedBytes = 1;  // by the pool, from the driver
inline constexpr size_t kDeviceIdleBytes = 2;      // of these: cached and in quarantine
inline constexpr size_t kDevicePinnedBytes = 3;    // live page-locked host memory of its contexts
inline constexpr size_t kDeviceFigures = 4;

using HostSeries = PointSeries<kHostFigures, 512>;      // 28 KiB
using DeviceSeries = PointSeries<kDeviceFigures, 256>;  // 10 KiB

inline constexpr int kMostTimelineDevices = 32;

struct Timeline {
  core::SpinLock lock;  // guards the series; taken before the locks of what the figures are read from
  HostSeries host;
  DeviceSeries devices[kMostTimelineDevices];
};
extern constinit Timeline timeline;

inline constexpr uint64_t kNoTick = UINT64_MAX;

// From this tick on an event takes a point; kNoTick: none does.
[[gnu::visibility("hidden")]] extern std::atomic<uint64_t> next_point_tick;
inline bool is_point_due(uint64_t tick) { return tick >= next_point_tick.load(std::memory_order_relaxed); }

}  // namespace weir::track
