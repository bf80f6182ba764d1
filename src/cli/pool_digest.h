// What reports say of the pools of CUDA's memory: of several reports the figures are added up, peaks are those of the highest.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

struct PoolSize {
  uint64_t block_bytes = 0;
  uint64_t miss_count = 0;
};

// One pool's figures, by the report's names (docs/report.md, Pools).
struct PoolFigures {
  bool is_used = false;
  uint64_t live_bytes = 0, allocated_bytes = 0, cached_bytes = 0, quarantined_bytes = 0, largest_cached_bytes = 0;
  uint64_t reserved_peak_bytes = 0;
  uint64_t hit_count = 0, miss_count = 0, passed_count = 0;
  uint64_t saved_call_count = 0, synchronise_count = 0, event_call_count = 0;  // the last: records and queries
  uint64_t driver_ns = 0;
  uint64_t flush_count = 0, flushed_bytes = 0, trim_count = 0, trimmed_bytes = 0;
  uint64_t retry_count = 0, retry_saved_count = 0;
  std::vector<PoolSize> sizes;  // in the report's order

  // Of what is not in the program's hands, the part that lies apart from the largest piece; 0 of nothing.
  double fragmentation() const;
  // The pool's own calls of the driver and those of misses: what driver_ns was spent on.
  uint64_t driver_calls() const { return miss_count + synchronise_count + event_call_count; }

  // Adds what an entry of devices[] says of one of its pools; nothing where there is no such pool.
  void add(const Json& pool);
  void add(const PoolFigures& other);
};

// Blocks of the host's heap that were page-locked behind the program's back.
struct HostPinFigures {
  uint64_t register_count = 0, register_bytes = 0, refused_count = 0, reuse_count = 0;
  uint64_t copy_count = 0, copy_bytes = 0, driver_ns = 0;
  std::set<std::string> limitations;

  bool is_used() const { return register_count + refused_count > 0 || !limitations.empty(); }
  void add(const Json& pins);
};

// What holds for all pools of the processes that used any.
class PoolState {
 public:
  void add(const Json& report);

  const std::set<std::string>& modes() const { return modes_; }
  const std::set<std::string>& limitations() const { return limitations_; }
  const HostPinFigures& host_pins() const { return host_pins_; }
  uint64_t duration_ns() const { return duration_ns_; }
  uint64_t failed_free_count() const { return failed_free_count_; }
  // The value of an option where it is the same in all reports, else and where unknown "".
  std::string option(const std::string& variable) const;

 private:
  std::set<std::string> modes_, limitations_;
  std::map<std::string, std::set<std::string>> options_;
  HostPinFigures host_pins_;
  uint64_t duration_ns_ = 0;
  uint64_t failed_free_count_ = 0;  // calls that free CUDA's memory and that returned an error
};

}  // namespace weir::cli
