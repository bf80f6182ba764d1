// How a report's memory went, figure by figure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

struct ExportPoint {
  uint64_t ns, bytes;
};

struct ExportCounter {
  std::string name;                 // "host memory", "device 0 memory, reserved"
  std::string figure;               // "live_bytes", "reserved_bytes", as in the timeline
  std::vector<ExportPoint> points;  // by time, one at a moment; never empty
};

inline constexpr char kHostCounter[] = "host memory";

// What the timeline has, point by point. Without one, and of merged reports, whose figures are sums, host, mappings and devices have the start, the
// peak and the end, and what has no known peak its end alone. `report` needs no lists but devices.
std::vector<ExportCounter> counters_of(const Json& report);

}  // namespace weir::cli
