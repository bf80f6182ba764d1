// One report of any length, read once and kept in few bytes, with the functions, lines and names that it lacked.
#pragma once

#include <map>
#include <string>

#include "cli/large_blocks.h"
#include "cli/site.h"
#include "cli/suppressed_leaks.h"

namespace weir::cli {

class FinishedReport {
 public:
  // Reads and finishes it. Throws Error(kExitBadReport) as CompactReport does. `labels` are those of the tables that take its rows.
  FinishedReport(const std::string& path, Labels& labels, symbolize::Symbolizer& symbolizer, const BlockChoice& blocks);

  // Marks what these name, where it is not suppressed yet.
  void apply(const SuppressionFiles& suppressions);
  // As has_leaks_left() has it.
  bool has_leaks_left() const;

  // What is short, as the report has it, for what works on reports: with the stacks of errors, out_of_memory and transfers.
  Json short_lists() const;
  const OpenReport& file() const { return file_; }
  const std::string& path() const { return file_.path(); }
  const Json& parts() const { return report_.parts(); }
  // Whether it has been finished here, and whether leaks have got names that are not in the file.
  bool was_raw() const { return was_raw_; }
  bool has_named_leaks() const { return has_named_leaks_; }
  // The stacks of these rows are nodes of the report's.
  RawRows& rows(SiteList list) { return rows_.at(list); }
  const RawRows& rows(SiteList list) const { return rows_.at(list); }
  // Of the blocks that were asked for: how many there are, the largest, and their stacks.
  size_t block_count() const { return block_count_; }
  const Json& blocks() const { return blocks_; }
  std::vector<std::vector<StackLine>> block_stacks() const;

  const CompactReport& report() const { return report_; }
  // Its stacks, and what takes them: then rows know no stacks any more.
  CompactReport& take_stacks();

 private:
  std::map<std::string, TakeRow> takers(const BlockChoice& choice);
  void find_stacks();

  OpenReport file_;
  std::map<SiteList, RawRows> rows_;
  LargeBlocks large_;
  uint64_t most_large_stacks_ = 0;  // the highest number of a stack in large[], and one
  CompactReport report_;            // reading it fills the ones above
  bool was_raw_ = false, has_named_leaks_ = false;
  size_t block_count_ = 0;
  Json blocks_;
};

}  // namespace weir::cli
