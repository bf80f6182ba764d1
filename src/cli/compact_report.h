// A report of any length, read once and kept in few bytes: its stacks as a tree, its frames as numbers, what is small as it stands.
// What its lists say is the reader's to keep.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/frame_table.h"
#include "cli/report_file.h"
#include "cli/report_stream.h"
#include "cli/stack_text.h"
#include "cli/stack_tree.h"

namespace weir::cli {

// What takes the elements of a list, such as "leaks". Their stacks are not known yet.
using TakeRow = std::function<void(const Json& row)>;

// Not for use by two threads at a time.
class CompactReport {
 public:
  // Reads the file. Throws Error(kExitBadReport), whose one line names the file, the byte where that is known, and what was
  // expected: the schema, the types of the top-level keys, and that stacks, frames and modules refer to what is there. The rows of `lists` are handed over without
  // `row_members_left_out`. Reports that share names keep them once.
  CompactReport(const std::string& path, const std::map<std::string, TakeRow>& lists, std::shared_ptr<NameTable> names,
                const std::vector<std::string>& row_members_left_out = {});
  // The same of a file that is open.
  CompactReport(const OpenReport& file, const std::map<std::string, TakeRow>& lists, std::shared_ptr<NameTable> names,
                const std::vector<std::string>& row_members_left_out);

  const std::string& path() const { return path_; }
  // process, options, sampling, host, devices, cuda, leak_check, errors, out_of_memory, warnings, ...: what is short.
  const Json& parts() const { return parts_; }
  Json& parts() { return parts_; }

  // Adds functions and lines where the report is raw, and to `warnings` what could not be symbolised; true where it was.
  bool symbolize(symbolize::Symbolizer& symbolizer);
  // What could not be symbolised here, and why.
  const std::set<std::string>& notes() const { return notes_; }

  const FrameTable& frames() const { return frames_; }
  const StackTree& tree() const { return tree_; }  // of frames, by their numbers

  // A row's stack has a number in the file. Everything here knows it by its node in the tree, the lists in parts() included: so who keeps rows
  // asks for their nodes, and then the numbers are forgotten.
  size_t stack_count() const { return stacks_.size(); }
  uint32_t node_of(size_t stack) const { return stacks_[stack]; }
  // The same for the rows of a list; throws as ShapeCheck does.
  void name_stacks(Json& rows, const char* key) const;
  void forget_stack_numbers() { stacks_.clear(); }
  // From then on the report has no stacks.
  StackTree take_tree() { return std::exchange(tree_, StackTree()); }

  // A report of these rows alone, with no more than their stacks and frames: for what works on reports, such as suppressions. Each of `rows`
  // is a list by its key; its stacks are nodes.
  Json excerpt(const std::map<std::string, Json>& rows) const;
  // Each of these stacks as stack_lines() has it.
  std::vector<std::vector<StackLine>> lines(const std::vector<uint32_t>& nodes) const;

 private:
  ReportPart part_for(const std::string& key, const std::map<std::string, TakeRow>& lists,
                      const std::vector<std::string>& left_out);
  void add_stack(const Json& stack);
  void add_frame(const Json& frame);
  void check(const std::map<std::string, TakeRow>& lists) const;

  void name_short_lists();

  const std::string path_;
  Json parts_ = Json::object();
  FrameTable frames_;
  StackTree tree_;
  std::deque<uint32_t> stacks_;
  std::set<std::string> lists_read_;
  uint64_t largest_frame_ = 0;  // that a stack names, and one more
  std::set<std::string> notes_;
};

}  // namespace weir::cli
