// Places in the source that allocate, the same over all reports.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/report_file.h"
#include "cli/stack_text.h"

namespace weir::cli {

// A place in the source, by its stack's text; the figures of all reports that have it are added up.
struct Site {
  std::string memory;  // "host", "mmap", ...
  std::string device;  // of CUDA's memory: its device's number, and the call that gave it; or empty
  std::string call;
  std::string kind;        // of a leak: "definite", "indirect", "possible", "reachable", "live"; else empty
  std::string runtime;     // name of a runtime allocation (runtime_allocations.h), or empty
  std::string suppressed;  // the suppression that names it (suppressed_leaks.h), or empty
  std::vector<StackLine> stack;
  uint64_t bytes = 0;
  uint64_t taken_bytes = 0;  // of CUDA's memory, with what pitch and rounding add
  uint64_t count = 0;
  uint64_t indirect_bytes = 0, indirect_count = 0;  // of lost blocks: what only they lead to
  uint64_t temporary_count = 0;                     // of hot sites
  uint64_t report_count = 0;                        // reports that have it
  uint64_t last_report = 0;                         // number of the last of them, from 1
};

// Sites of one kind, equal stacks of equal memory merged.
class SiteTable {
 public:
  // `entries` are of that report, each with a stack; bytes and count are those under the names given.
  void add(const Json& report, uint64_t report_number, const Json& entries, const char* bytes_name = "bytes",
           const char* count_name = "count");
  const std::vector<Site>& sites() const { return sites_; }

 private:
  std::vector<Site> sites_;
  std::unordered_map<std::string, size_t> places_;
};

// A stack as text to tell equal ones by.
std::string key_of(const std::vector<StackLine>& stack);

// One entry of a report that has a stack.
Site site_of(const Json& report, const Json& entry, const char* bytes_name = "bytes", const char* count_name = "count");

}  // namespace weir::cli
