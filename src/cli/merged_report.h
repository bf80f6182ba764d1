// One report of many processes.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cli/merge_inputs.h"
#include "cli/merged_stacks.h"
#include "cli/report_file.h"
#include "cli/row_table.h"

namespace weir::cli {

// Holds what is distinct: stacks, frames, one row of each list by stack, one entry of each process. Not for use by two threads at a time.
class MergedReport {
 public:
  MergedReport();

  // Adds a report, which it finishes where it is raw. Throws Error(kExitBadReport).
  void add(const MergeInput& input, symbolize::Symbolizer& symbolizer);

  size_t process_count() const { return processes_.size(); }
  void add_note(const std::string& text) { add_warning({{"text", text}}); }

  // Replaces the file; nothing can be added after. Throws Error(kExitOwnFailure).
  void write(const std::string& path);

 private:
  struct Lists;
  class Output;

  static void take_cuda_rows(const CompactReport& report, Lists& lists);
  void add_rows(Lists& lists, const std::vector<uint32_t>& nodes);
  void add_list(Json& target, Json rows, const std::vector<uint32_t>& nodes) const;
  void add_parts(const CompactReport& report, const Lists& lists, const std::vector<uint32_t>& nodes);
  void add_process(const MergeInput& input, const Json& parts);
  void add_options(const Json& options);
  void add_warning(const Json& warning);
  void keep_largest();

  static void limit(Json& list, size_t most, Json& owner, const char* left_out_key);
  void settle();
  Json merged_process() const;
  Json transfers(Output& output) const;
  Json cuda(Output& output) const;

  MergedStacks stacks_;
  Labels labels_;
  RowTable leaks_, peak_, hot_sites_, transfers_, freed_with_context_;
  Json processes_ = Json::array();
  Json options_, sampling_, host_, cuda_, leak_check_, timeline_;
  Json devices_ = Json::array(), errors_ = Json::array(), out_of_memory_ = Json::array(), large_ = Json::array();
  Json warnings_ = Json::array();
  uint64_t large_left_out_ = 0;
  std::set<std::string> warned_, differing_options_;
};

}  // namespace weir::cli
