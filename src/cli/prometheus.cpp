#include "cli/prometheus.h"

#include "cli/error.h"
#include "cli/json_access.h"
#include "cli/message.h"
#include "cli/output.h"

namespace weir::cli {
namespace {

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  double (*value)(const weir_pool_stats&);
};

constexpr const char kGauge[] = "gauge", kCounter[] = "counter";

template <uint64_t weir_pool_stats::*field>
double number(const weir_pool_stats& stats) {
  return static_cast<double>(stats.*field);
}

template <double weir_pool_stats::*field>
double ratio(const weir_pool_stats& stats) {
  return stats.*field;
}

constexpr Metric kMetrics[] = {
    {"weir_live_bytes", kGauge, "What the program holds, as it asked for.", &number<&weir_pool_stats::requested_bytes>},
    {"weir_live_blocks", kGauge, "Blocks that the program holds.", &number<&weir_pool_stats::live_count>},
    {"weir_peak_bytes", kGauge, "The most that was live.", &number<&weir_pool_stats::peak_bytes>},
    {"weir_allocations_total", kCounter, "Allocations.", &number<&weir_pool_stats::alloc_count>},
    {"weir_frees_total", kCounter, "Frees.", &number<&weir_pool_stats::free_count>},
    {"weir_pool_hits_total", kCounter, "Allocations served from what the pool had.",
     &number<&weir_pool_stats::hit_count>},
    {"weir_pool_misses_total", kCounter, "Allocations for which the pool took memory.",
     &number<&weir_pool_stats::miss_count>},
    {"weir_pool_allocated_bytes", kGauge, "Whole blocks that the program holds.",
     &number<&weir_pool_stats::allocated_bytes>},
    {"weir_pool_cached_bytes", kGauge, "Idle, may be handed out at once.", &number<&weir_pool_stats::cached_bytes>},
    {"weir_pool_quarantined_bytes", kGauge, "Idle, but queued work may still use them.",
     &number<&weir_pool_stats::quarantined_bytes>},
    {"weir_pool_reserved_bytes", kGauge, "Taken from the kernel (address space) or the driver.",
     &number<&weir_pool_stats::reserved_bytes>},
    {"weir_pool_fragmentation_ratio", kGauge, "What cannot be handed out, see weir.h.",
     &ratio<&weir_pool_stats::fragmentation>},
};

// A label's value: these three are written with a backslash.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += is_control(c) ? '?' : c;
  }
  return out;
}

std::string number_text(double value) {
  char text[40];
  const bool is_whole = value < 9e15 && value == static_cast<double>(static_cast<uint64_t>(value));
  std::snprintf(text, sizeof text, is_whole ? "%.0f" : "%.6g", value);
  return text;
}

std::string head(const char* name, const char* type, const char* help) {
  return std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

}  // namespace

std::string prometheus_text(const WatchedFigures& figures, int pid, const std::string& program) {
  const std::string process = "pid=\"" + std::to_string(pid) + "\",program=\"" + escaped(program) + "\"";
  std::string text;
  for (const Metric& metric : kMetrics) {
    text += head(metric.name, metric.type, metric.help);
    for (const control::PoolFigures& pool : figures.pools) {
      text += std::string(metric.name) + "{" + process + ",pool=\"" + pool_name(pool.pool) + "\"} " +
              number_text(metric.value(pool.stats)) + "\n";
    }
  }
  text += head("weir_resident_bytes", kGauge, "What the process has in memory.");
  text += "weir_resident_bytes{" + process + "} " + number_text(static_cast<double>(figures.resident_bytes)) + "\n";
  return text;
}

namespace {

void watch(WatchedProcess& process, const WatchArguments& arguments) {
  const std::string program = process.program();
  Steps steps(std::chrono::milliseconds(static_cast<int64_t>(arguments.interval_seconds * 1000)));
  uint64_t done = 0;
  do {
    write_output(arguments.output, prometheus_text(process.read(), arguments.pid, program));
  } while (++done != arguments.count && steps.wait());
}

}  // namespace

void watch(const WatchArguments& arguments) {
  WatchedProcess process(arguments.pid);
  const std::string name = process.target().name();
  try {
    watch(process, arguments);
  } catch (const Error&) {
    if (process.target().is_running()) throw;
    say(name + " has ended");
  }
}

}  // namespace weir::cli
