#include "report/timeline_section.h"

#include "core/scratch.h"
#include "cuda/allocation_table.h"
#include "cuda/pool/pool_control.h"
#include "options/options.h"
#include "report/device_point.h"
#include "track/sampling.h"
#include "track/timeline.h"

namespace weir::report {
namespace {

// A series as the report has it: a copy, as other threads may go on.
template <class Series>
class Course {
 public:
  using Point = typename Series::Point;

  bool copy(const Series& series) {
    const core::LockScope scope(track::timeline.lock);
    slot_ticks_ = series.slot_ticks();
    if (!points_.reserve(series.count() + kAdded)) return false;
    for (size_t i = 0; i < series.count(); ++i) points_.push(series[i]);
    return true;
  }

  // `last`: as it is at the report. `peak_tick`, `peak_bytes`: when the first figure was highest, 0 where nothing ever was.
  void complete(Point last, uint64_t peak_tick, uint64_t peak_bytes) {
    while (points_.size() > 0 && points_[points_.size() - 1].tick >= last.tick) points_.resize(points_.size() - 1);
    points_.push(last);
    if (peak_bytes > 0) insert_peak(peak_tick, peak_bytes);  // guard: timeline-peak
  }

  uint64_t slot_ticks() const { return slot_ticks_; }
  const core::ScratchArray<Point>& points() const { return points_; }

 private:
  static constexpr size_t kAdded = 2;

  // What was not looked at then is as high as at the points around it.
  void insert_peak(uint64_t tick, uint64_t bytes) {
    size_t place = 0;
    while (place < points_.size() && points_[place].tick < tick) ++place;
    if (place < points_.size() && points_[place].tick == tick) {
      points_[place].figures[0] = bytes;
      return;
    }
    Point peak{};
    if (place > 0) track::keep_highest(peak, points_[place - 1]);
    if (place < points_.size()) track::keep_highest(peak, points_[place]);
    peak.tick = tick;
    peak.figures[0] = bytes;
    points_.push(peak);
    for (size_t i = points_.size() - 1; i > place; --i) points_[i] = points_[i - 1];
    points_[place] = peak;
  }

  core::ScratchArray<Point> points_;
  uint64_t slot_ticks_ = 0;
};

using HostCourse = Course<track::HostSeries>;
using DeviceCourse = Course<track::DeviceSeries>;

track::HostSeries::Point host_point(const HostFigures& figures, uint64_t tick) {
  track::HostSeries::Point point{};
  point.tick = tick;
  point.figures[track::kHostLiveBytes] = figures.totals.all.live_bytes();
  point.figures[track::kHostLiveCount] = figures.totals.all.live_count();
  point.figures[track::kHostReservedBytes] = figures.pool.reserved_bytes;
  point.figures[track::kHostMappedBytes] = figures.mappings.all.live_bytes();
  point.figures[track::kHostRssBytes] = figures.process.rss_bytes;
  point.figures[track::kHostPeakRssBytes] = figures.process.peak_rss_bytes;
  return point;
}

void write_times(JsonStream& json, const auto& course, const EventClock& clock) {
  json.key("spacing_ns").number(clock.ns_of_cycles(course.slot_ticks() << core::kTickShift));
  json.key("ns").begin_array();
  for (const auto& point : course.points()) json.number(clock.ns_of(point.tick));
  json.end_array();
}

enum class Zero : uint8_t { known, unknown };

// Behind its key.
void write_figures(JsonStream& json, const auto& course, size_t figure, Zero zero = Zero::known) {
  json.begin_array();
  for (const auto& point : course.points()) {
    if (point.figures[figure] == 0 && zero == Zero::unknown) {
      json.null();
    } else {
      json.number(point.figures[figure]);
    }
  }
  json.end_array();
}

void write_host_course(JsonStream& json, const HostCourse& course, const EventClock& clock) {
  json.begin_object();
  write_times(json, course, clock);
  write_figures(json.key("live_bytes"), course, track::kHostLiveBytes);
  write_figures(json.key("live_count"), course, track::kHostLiveCount);
  write_figures(json.key("reserved_bytes"), course, track::kHostReservedBytes);
  write_figures(json.key("mapped_bytes"), course, track::kHostMappedBytes);
  write_figures(json.key("rss_bytes"), course, track::kHostRssBytes, Zero::unknown);
  write_figures(json.key("peak_rss_bytes"), course, track::kHostPeakRssBytes, Zero::unknown);
  json.end_object();
}

void write_device_course(JsonStream& json, int device, const DeviceCourse& course, const EventClock& clock) {
  json.begin_object().key("index").signed_number(device);
  write_times(json, course, clock);
  write_figures(json.key("live_bytes"), course, track::kDeviceLiveBytes);
  write_figures(json.key("reserved_bytes"), course, track::kDeviceReservedBytes);
  write_figures(json.key("idle_bytes"), course, track::kDeviceIdleBytes);
  write_figures(json.key("pinned_bytes"), course, track::kDevicePinnedBytes);
  json.end_object();
}

void write_host_timeline(JsonStream& json, const HostFigures& figures, const EventClock& clock, uint64_t end_tick) {
  HostCourse course;
  if (!course.copy(track::timeline.host)) return void(json.null());
  course.complete(host_point(figures, end_tick), figures.totals.peak_tick, figures.totals.all.peak_bytes);
  write_host_course(json, course, clock);
}

void write_device_timeline(JsonStream& json, int device, const EventClock& clock, uint64_t end_tick) {
  const cuda::DeviceFigures figures = cuda::device_figures(device);
  DeviceCourse course;
  if (!figures.is_used || !course.copy(track::timeline.devices[device])) return;
  course.complete(device_point(device, end_tick).point, figures.peak_tick, figures.peak_bytes);
  write_device_course(json, device, course, clock);
}

void write_courses(JsonStream& json, const HostFigures& figures, const EventClock& clock, uint64_t end_tick) {
  json.key("interval_ns").number(options::current().timeline);
  json.key("estimated").boolean(track::sampling() && track::draws());
  json.key("host");
  write_host_timeline(json, figures, clock, end_tick);
  json.key("devices").begin_array();
  for (int device = 0; device < cuda::kMostDevices && cuda::any_allocation(); ++device) {
    write_device_timeline(json, device, clock, end_tick);
  }
  json.end_array();
}

}  // namespace

void write_timeline(JsonStream& json, const HostFigures& figures, const EventClock& clock, const core::ClockPair& end) {
  const track::HostTotals& totals = figures.totals;
  json.begin_object().key("peak").begin_object();
  json.key("bytes").number(totals.all.peak_bytes).key("ns").number(clock.ns_of(totals.peak_tick)).end_object();
  if (options::current().timeline != 0) write_courses(json, figures, clock, core::tick_at(end.cycles));
  json.end_object();
}

}  // namespace weir::report
