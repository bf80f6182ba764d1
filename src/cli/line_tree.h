// Stacks as they are told, those of many reports in one tree of lines.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/compact_report.h"
#include "cli/name_table.h"
#include "cli/stack_text.h"
#include "cli/stack_tree.h"

namespace weir::cli {

// Not for use by two threads at a time.
class LineTree {
 public:
  // The node here of each node of the report's tree, which is taken from it. The report must be finished.
  std::vector<uint32_t> add(CompactReport& report);
  // Gives up what add() makes anew where it needs it.
  void seal() { tree_.seal(); }

  // The stack as stack_lines() has it.
  std::vector<StackLine> lines(uint32_t node) const;
  // One node for all stacks of the same text: lines may differ in what is inlined there.
  uint32_t same_text(uint32_t node) const;

 private:
  struct Line {
    uint32_t function, place;  // names
    bool is_inlined, is_noise, is_short;
    uint32_t first;  // the first line of the same text
  };
  // The lines of each frame of a report, innermost first.
  struct FrameLines {
    std::vector<uint32_t> begins;
    std::deque<uint32_t> lines;
  };
  FrameLines lines_of_frames(const FrameTable& frames);
  uint32_t number_of(const StackLine& line);
  uint32_t child(uint32_t parent, uint32_t line);

  NameTable names_;
  std::deque<Line> lines_;
  std::unordered_map<std::string, uint32_t> line_numbers_, text_numbers_;
  StackTree tree_;                                     // of lines
  std::unordered_map<uint32_t, uint32_t> same_texts_;  // of nodes that are not their own
};

}  // namespace weir::cli
