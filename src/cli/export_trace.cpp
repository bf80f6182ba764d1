// Chrome's trace event format, which Perfetto reads: counters ("ph": "C") and the name of their process.
#include <cstdio>

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

}  // namespace

void write_trace(const ExportReport& report, Output& output) {
  const std::string pid = std::to_string(report.pid);
  output.write(
      "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"exporter\":\"weir\",\"command\":" + json_text(report.command) +
      "},\n\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":" + pid + ",\"tid\":" + pid +
      ",\"args\":{\"name\":" + json_text(report.program) + "}}");
  for (const ExportMoment& moment : report.moments) {
    output.write(",\n{\"ph\":\"C\",\"name\":" + json_text(moment.place + " memory") + ",\"pid\":" + pid +
                 ",\"tid\":" + pid + ",\"ts\":" + microseconds(moment.ns) +
                 ",\"args\":{\"live_bytes\":" + std::to_string(moment.live_bytes) + "}}");
  }
  output.write("\n]}\n");
}

}  // namespace weir::cli
