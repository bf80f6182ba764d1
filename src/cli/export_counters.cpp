#include "cli/export_counters.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

// Puts the counters of a report together.
class Counters {
 public:
  explicit Counters(const Json& report) : report_(report), end_ns_(figure(child(report, "process"), "duration_ns")) {}

  std::vector<ExportCounter> take() {
    const bool is_sum = child(report_, "process").contains("merged_count");
    const Json nothing = Json::object();
    const Json& timeline = is_sum ? nothing : child(report_, "timeline");  // guard: export-timeline
    add_host(child(timeline, "host"));
    std::set<std::string> with_course;
    for (const Json& course : array_of(timeline, "devices")) {
      if (add_device_course(course)) with_course.insert(number_text(course, "index"));
    }
    for (const Json& device : array_of(report_, "devices")) {
      const std::string index = number_text(device, "index"), process = number_text(device, "process");
      if (!index.empty())
        add_device(device, index + (process.empty() ? "" : ", process " + process), with_course.contains(index));
    }
    return std::move(counters_);
  }

 private:
  void add_host(const Json& course) {
    const Json &host = child(report_, "host"), &resident = child(host, "process_memory");
    if (add_course(course, kHostCounter, "live_bytes")) {
      add_course(course, "host memory, reserved", "reserved_bytes");
      add_course(course, "mmap memory", "mapped_bytes");
      add_course(course, "resident memory", "rss_bytes");
      add_course(course, "resident memory, the most so far", "peak_rss_bytes");
      return;
    }
    add_ends(kHostCounter, child(host, "totals"));
    if (host.contains("mmap")) add_ends("mmap memory", child(child(host, "mmap"), "totals"));
    add_end("resident memory", "rss_bytes", resident);
    add_end("resident memory, the most so far", "peak_rss_bytes", resident);
  }

  bool add_device_course(const Json& course) {
    const std::string index = course.is_object() ? number_text(course, "index") : "";
    if (index.empty() || !add_course(course, "device " + index + " memory", "live_bytes")) return false;
    add_course(course, "device " + index + " memory, reserved", "reserved_bytes");
    add_course(course, "device " + index + " memory, idle", "idle_bytes");
    add_course(course, "pinned " + index + " memory", "pinned_bytes");
    return true;
  }

  // What its timeline does not say.
  void add_device(const Json& device, const std::string& place, bool has_course) {
    if (!has_course) add_ends("device " + place + " memory", device);
    const Json& kinds = child(device, "kinds");
    if (!has_course && kinds.contains("pinned")) add_end("pinned " + place + " memory", "live_bytes", kinds["pinned"]);
    if (kinds.contains("managed")) add_end("managed " + place + " memory", "live_bytes", kinds["managed"]);
  }

  // False where the course does not have that figure. A point at which it is not known is passed over.
  bool add_course(const Json& course, const std::string& name, const char* figure_name) {
    const Json &moments = array_of(course, "ns"), &values = array_of(course, figure_name);
    std::vector<ExportPoint> points;
    for (size_t i = 0; i < std::min(moments.size(), values.size()); ++i) {
      if (moments[i].is_number_unsigned() && values[i].is_number_unsigned())
        points.push_back({moments[i].get<uint64_t>(), values[i].get<uint64_t>()});
    }
    return add(name, figure_name, std::move(points));
  }

  void add_ends(const std::string& name, const Json& figures) {
    std::vector<ExportPoint> points = {{0, 0}};
    const uint64_t peak_ns = figure(figures, "peak_ns"), peak_bytes = figure(figures, "peak_bytes");
    if (peak_bytes > 0 && peak_ns < end_ns_) points.push_back({peak_ns, peak_bytes});
    points.push_back({end_ns_, figure(figures, "live_bytes")});
    add(name, "live_bytes", std::move(points));
  }

  void add_end(const std::string& name, const char* figure_name, const Json& figures) {
    if (figures.is_object() && figures.contains(figure_name))
      add(name, figure_name, {{end_ns_, figure(figures, figure_name)}});
  }

  // Of two points at one moment the later one counts.
  bool add(const std::string& name, const char* figure_name, std::vector<ExportPoint> points) {
    if (points.empty()) return false;
    std::stable_sort(points.begin(), points.end(),
                     [](const ExportPoint& a, const ExportPoint& b) { return a.ns < b.ns; });
    ExportCounter counter{name, figure_name, {}};
    for (const ExportPoint& point : points) {
      if (!counter.points.empty() && counter.points.back().ns == point.ns) counter.points.pop_back();
      counter.points.push_back(point);
    }
    counters_.push_back(std::move(counter));
    return true;
  }

  const Json& report_;
  const uint64_t end_ns_;
  std::vector<ExportCounter> counters_;
};

}  // namespace

std::vector<ExportCounter> counters_of(const Json& report) { return Counters(report).take(); }

}  // namespace weir::cli
