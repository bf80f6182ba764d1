// Places in the source that allocate, the same over all reports.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/line_tree.h"
#include "cli/row_table.h"
#include "cli/stack_text.h"

namespace weir::cli {

// A place in the source, by its stack's text; the figures of all reports that have it are added up.
struct Site {
  std::string memory;  // "host", "mmap", ...
  std::string device;  // of CUDA's memory: its device's number, and the call that gave it; or empty
  std::string call;
  std::string kind;             // of a leak: "definite", "indirect", "possible", "reachable", "live"; else empty
  std::string runtime;          // name of a runtime allocation (runtime_allocations.h), or empty
  std::string framework_cache;  // name of the framework whose cache it is (framework_caches.h), or empty
  std::string suppressed;       // the suppression that names it (suppressed_leaks.h), or empty
  std::vector<StackLine> stack;
  uint64_t bytes = 0;
  uint64_t taken_bytes = 0;  // of CUDA's memory, with what pitch and rounding add
  uint64_t count = 0;
  uint64_t indirect_bytes = 0, indirect_count = 0;  // of lost blocks: what only they lead to
  uint64_t temporary_count = 0;                     // of hot sites
  uint64_t report_count = 0;                        // processes that have it
};

// A list of rows by stack that sites are made of.
enum class SiteList { leaks, peak, hot_sites, freed_with_context };

// How the rows of a report's list are read for a SiteTable.
const RowForm& site_rows(SiteList list);

// Sites of one list, equal stacks of equal memory merged: kept in some 60 bytes each, and known by their numbers.
class SiteTable {
 public:
  // The labels are those that the rows to come have, the stacks those of `stacks`; both must outlive the table.
  SiteTable(SiteList list, Labels& labels, const LineTree& stacks);
  SiteTable(const SiteTable&) = delete;
  SiteTable& operator=(const SiteTable&) = delete;

  // Takes the rows of another report, whose nodes `stacks` has as these nodes.
  void add(RawRows& rows, const std::vector<uint32_t>& nodes);

  size_t size() const { return rows_.size(); }
  uint64_t bytes(uint32_t site) const { return rows_.sum_of(site, 0); }
  uint64_t count(uint32_t site) const { return rows_.sum_of(site, 1); }
  uint64_t temporary_count(uint32_t site) const;  // of hot sites
  uint64_t indirect_bytes(uint32_t site) const;   // of leaks
  uint64_t indirect_count(uint32_t site) const;
  // Without its stack and figures.
  const Site& head(uint32_t site) const { return heads_.at(rows_.label_of(site)); }
  Site site(uint32_t site) const;

  // All sites, and these sites by their bytes, most of them first.
  std::vector<uint32_t> all() const;
  void sort_by_bytes(std::vector<uint32_t>& sites) const;

 private:
  const SiteList list_;
  const Labels& labels_;
  const LineTree& stacks_;
  RowTable rows_;                                      // their nodes are those of their texts
  std::unordered_map<uint32_t, uint32_t> own_stacks_;  // of sites whose first stack is not that node
  std::unordered_map<uint32_t, Site> heads_;           // by label
  uint32_t report_count_ = 0;
};

// A stack as text to tell equal ones by.
std::string key_of(const std::vector<StackLine>& stack);

// One entry of a finished report that has a stack, as a site.
Site site_of(const Json& report, const Json& entry);

}  // namespace weir::cli
