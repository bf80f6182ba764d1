// Which functions stand for the leaks that are to be suppressed: few patterns, that name nothing else and outlive a new build.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/compact_report.h"
#include "cli/leak_rows.h"

namespace weir::cli {

// A place to be suppressed, equal ones of all reports together.
struct LostStack {
  // A function on the stack that a pattern may name, from the allocation outwards.
  struct Candidate {
    std::string name;            // without what another build may name otherwise
    std::string name_in_report;  // as the pattern has to match it
    std::string place;           // "cache.cpp", or empty
  };
  std::vector<Candidate> candidates;  // none: nothing on it has a name
  std::string module;                 // the innermost one's file name, for a stack without names
  std::string memory;
  Blocks blocks;
};

struct ChosenPattern {
  std::string text;         // "leak:^grow$"
  std::string description;  // a line for a person: what it names
  size_t stacks = 0;
  Blocks blocks;
  bool names_more = false;  // stacks of the reports that are not lost go through it too
};

// Gathers stacks of one report after another.
class SuppressionChoice {
 public:
  // The node of a lost stack, and what it holds.
  void add_lost(const CompactReport& report, uint32_t node, const std::string& memory, const Blocks& blocks);
  // The nodes of stacks that are in use: a pattern should not name what is on them.
  void add_used(const CompactReport& report, const std::vector<uint32_t>& nodes);

  size_t lost_count() const { return lost_.size(); }
  // Most stacks first. Each lost stack is matched by one of them at least, but for those that have neither names nor a module.
  std::vector<ChosenPattern> choose() const;

 private:
  std::map<std::string, LostStack> lost_;  // by memory and what is on it
  std::set<std::string> used_;             // functions on stacks in use
};

}  // namespace weir::cli
