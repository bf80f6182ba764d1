// `weir export --watch`: a running program's figures as Prometheus's text, again and again.
#pragma once

#include <string>

#include "cli/watched_process.h"

namespace weir::cli {

// In the text format 0.0.4, with the labels pid, program and, of a pool, pool.
std::string prometheus_text(const WatchedFigures& figures, int pid, const std::string& program);

struct WatchArguments {
  int pid = 0;
  std::string output = "-";  // as an Output's
  double interval_seconds = 15;
  uint64_t count = 0;  // 0: until the process ends
};

// Each time the file is replaced as a whole.
void watch(const WatchArguments& arguments);

}  // namespace weir::cli
