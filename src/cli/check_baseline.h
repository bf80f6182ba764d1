// The reports before, against which `weir check` judges: only what is new or grew counts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/diff_side.h"
#include "cli/suppressed_leaks.h"

namespace weir::cli {

// What all reports of a command share while they are read.
struct Readers {
  std::shared_ptr<NameTable> names = std::make_shared<NameTable>();
  MemoryPlaces memories;
  symbolize::Symbolizer symbolizer;
};

using BlocksByKind = std::array<Blocks, kLeakKinds>;
BlocksByKind& operator+=(BlocksByKind& sums, const BlocksByKind& other);

// Rows by their stacks' keys, then memory: what a key and memory have lies together.
void sort_rows(LeakRows& rows);
// What the rows from `begin` on have that lie together with it and are not known; `end` is behind the last of them.
BlocksByKind blocks_at(const LeakRows& rows, size_t begin, size_t& end);

// The most that a process had at one time in one memory.
struct Peak {
  std::string memory, device;
  uint64_t bytes = 0;
  std::string process;  // of a merged report which one: "rank 1, process 4711"
};
// Of a merged report each process's own: their sum may never have been in use at one time, and is on no one machine.
std::vector<Peak> peaks_of(const Json& parts);

// Throws Error(kExitBadReport).
DiffSide read_for_check(const std::string& path, const SuppressionFiles& suppressions, Readers& readers);

// Without reports nothing is excused. Of several the one that has most counts. Not for use by two threads at a time.
class Baseline {
 public:
  Baseline(const std::vector<std::string>& paths, const SuppressionFiles& suppressions, Readers& readers);

  // Gives the rows of a report keys that are comparable with its own, and sorts them.
  void align(DiffSide& report);
  // For rows of the report that was aligned last.
  BlocksByKind blocks(uint64_t key, uint16_t memory) const;
  uint64_t peak(const std::string& memory, const std::string& device) const;
  uint64_t unlisted_errors() const;
  std::vector<const HeapError*> new_errors(const DiffSide& report) const;
  bool is_empty() const { return reports_.empty(); }

 private:
  std::vector<DiffSide> reports_;
  std::set<std::string> modules_alone_;
  bool has_keys_ = false;
};

// Heap errors that the report counts and does not list.
uint64_t unlisted_errors(const Json& parts);

}  // namespace weir::cli
