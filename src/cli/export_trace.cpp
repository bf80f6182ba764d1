// Chrome's trace event format, which Perfetto reads: counters ("ph": "C") and the name of their process.
#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "cli/export_formats.h"

namespace weir::cli {
namespace {

// The format's unit, with the nanoseconds behind the point.
std::string microseconds(uint64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%llu.%03llu", static_cast<unsigned long long>(ns / 1000),
                static_cast<unsigned long long>(ns % 1000));
  return text;
}

using PointOf = std::pair<ExportPoint, const ExportCounter*>;

std::vector<PointOf> points_by_time(const ExportReport& report) {
  std::vector<PointOf> points;
  for (const ExportCounter& counter : report.counters) {
    for (const ExportPoint& point : counter.points) points.emplace_back(point, &counter);
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const PointOf& a, const PointOf& b) { return a.first.ns < b.first.ns; });
  return points;
}

}  // namespace

void write_trace(const ExportReport& report, Output& output) {
  const std::string pid = std::to_string(report.pid);
  output.write(
      "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"exporter\":\"weir\",\"command\":" + json_text(report.command) +
      "},\n\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":" + pid + ",\"tid\":" + pid +
      ",\"args\":{\"name\":" + json_text(report.program) + "}}");
  for (const auto& [point, counter] : points_by_time(report)) {
    output.write(",\n{\"ph\":\"C\",\"name\":" + json_text(counter->name) + ",\"pid\":" + pid + ",\"tid\":" + pid +
                 ",\"ts\":" + microseconds(point.ns) + ",\"args\":{\"" + counter->figure +
                 "\":" + std::to_string(point.bytes) + "}}");
  }
  output.write("\n]}\n");
}

}  // namespace weir::cli
