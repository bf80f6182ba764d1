// The places in the source that a summary lists, merged over the reports it covers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/report_file.h"
#include "cli/stack_text.h"

namespace weir::cli {

struct Site {
  std::string memory;   // "host", "mmap", ...
  std::string runtime;  // name of a runtime allocation (runtime_allocations.h), or empty
  std::vector<StackLine> stack;
  uint64_t bytes = 0;
  uint64_t count = 0;
  uint64_t temporary_count = 0;  // of hot sites
  uint64_t report_count = 0;     // reports that have it
  const Json* last_report = nullptr;  // of those
};

enum class SiteOrder { bytes, count };

// The entries of `key` (leaks, peak, hot_sites) of all reports, equal stacks of equal memory added up, greatest first. Bytes
// and count are those under the names given.
std::vector<Site> merged_sites(const std::vector<Json>& reports, const char* key, const char* bytes_name,
                               const char* count_name, SiteOrder order);

// The blocks of at least `bytes` in large[] and in the leaks' samples, one by one, greatest first.
struct LargeBlock {
  const Json* report;
  std::string memory, address, family;
  uint64_t bytes = 0, ns = 0;
  size_t stack = 0;
};
std::vector<LargeBlock> large_blocks(const std::vector<Json>& reports, uint64_t bytes);

}  // namespace weir::cli
