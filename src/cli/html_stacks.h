// The stacks of a report's page: one tree from the outermost function inwards, in which what stacks have in common is there once.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cli/report_file.h"
#include "cli/stack_text.h"

namespace weir::cli {

// Texts by number, each there once.
class TextTable {
 public:
  uint32_t number_of(const std::string& text);
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

// Node 0 is the root: the stack of which nothing is known. A node's parent has the lower number. The start-up code of libc and the loader, with
// which every stack begins, is left out where something is left without it.
class PageStacks {
 public:
  // The report must be finished (finish_report) and outlive the tree.
  PageStacks(const Json& report, TextTable& texts) : report_(report), texts_(texts) {}

  // The node of the innermost function of the report's stack, or of those lines.
  uint32_t node_of(size_t stack);
  uint32_t node_of(const std::vector<StackLine>& lines);

  // `lines` by columns: `function` and `place`, numbers of texts, and `inlined`, 0 or 1. `nodes`: `parent`, and `line`, indices into `lines`.
  Json to_json() const;

 private:
  struct Line {
    uint32_t function, place;
    bool inlined, noise;
  };

  uint32_t number_of(const StackLine& line);
  const std::vector<uint32_t>& lines_of_frame(size_t frame);
  uint32_t add(const std::vector<uint32_t>& lines);  // innermost first
  uint32_t child_of(uint32_t parent, uint32_t line);

  const Json& report_;
  TextTable& texts_;
  std::vector<Line> lines_;
  std::unordered_map<std::string, uint32_t> line_numbers_;
  std::unordered_map<size_t, std::vector<uint32_t>> frames_;
  std::vector<uint32_t> parents_ = {0}, node_lines_ = {0};
  std::unordered_map<uint64_t, uint32_t> children_;  // by parent and line
};

}  // namespace weir::cli
