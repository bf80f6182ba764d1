// Keys of stacks: equal for the same place in the program, whatever addresses, process or build its report is of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cli/compact_report.h"

namespace weir::cli {

// What tells one frame from another. By function: the names of the function and of those inlined there, without parameters; by line: these
// and their files' names and lines; by address: the module and the offset in it, which another build has elsewhere.
// A frame without symbols counts by module and offset, and these by the module's build id. Start-up code, frames of Weir's own and the mark
// of a cut stack do not count. By function and line, recursion counts once: what repeats at once, up to four calls long, is folded.
enum class KeyBy { function, line, address };

// Modules, by their files' names, that have frames without symbols in both reports and are not the same builds there: their offsets are
// not comparable. Both reports must be symbolised.
std::set<std::string> incomparable_modules(const FrameTable& a, const FrameTable& b);

// Of one report, which must be symbolised and outlive it. Not for use by two threads at a time.
class StackKeys {
 public:
  // By function and line, frames without symbols in `modules_alone` count by the module alone.
  StackKeys(const CompactReport& report, KeyBy by, const std::set<std::string>& modules_alone);

  // 64 bits of a hash: that two of a million stacks share one by chance happens once in some 30 million reports.
  uint64_t key_of(uint32_t node);

 private:
  std::vector<uint64_t> items_of(size_t frame) const;
  uint64_t named_item(const CompactFrame& frame, const CompactPosition& position) const;
  uint64_t raw_item(const CompactFrame& frame, const std::string& module) const;
  void append(uint64_t item);

  const CompactReport& report_;
  const KeyBy by_;
  const std::set<std::string>& modules_alone_;
  std::vector<std::vector<uint64_t>> items_;  // what each frame counts as, outermost first
  std::vector<uint32_t> frames_;              // of the stack at hand, innermost first
  std::vector<uint64_t> path_;                // its items, outermost first
};

}  // namespace weir::cli
