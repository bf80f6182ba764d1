// What two reports hold by stack, side by side.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "cli/leak_rows.h"
#include "cli/stack_key.h"

namespace weir::cli {

enum class Compared { live, lost };  // everything still allocated, or what is lost and not known

// What one key's stacks hold in one memory.
struct DiffEntry {
  static constexpr uint32_t kNoStack = UINT32_MAX;
  uint16_t memory = 0;
  Blocks before, after;
  Blocks lost_before, lost_after;                            // of these
  uint32_t stack_before = kNoStack, stack_after = kNoStack;  // one of its stacks in that report
};

enum class Change { added, grown, gone, shrunk, none };
inline constexpr size_t kChanges = 5;
// By bytes; where these are equal by blocks.
Change change_of(const DiffEntry& entry);

// What a list of changes is about.
struct ChangeSums {
  uint64_t entries = 0;
  Blocks before, after;
};

class DiffTable {
 public:
  // The rows of the report before and of the one after, whose keys it sets: it puts them in another order. It refers to both.
  DiffTable(LeakRows& before, LeakRows& after, Compared compared);

  const ChangeSums& sums(Change change) const { return sums_[static_cast<size_t>(change)]; }
  // Bytes by which stacks grew, new ones included.
  uint64_t grown_bytes() const { return grown_bytes_; }
  // At most `limit` of that kind, most bytes of change first; `take` is handed some hundred at a time.
  void for_each(Change change, uint64_t limit, const std::function<void(const std::vector<DiffEntry>&)>& take) const;

 private:
  // The first rows of a key and memory in either report.
  struct Place {
    static constexpr uint32_t kNone = UINT32_MAX;
    uint32_t before = kNone, after = kNone;
  };
  template <class Take>
  void join(const Take& take) const;
  DiffEntry entry_at(const Place& place) const;

  const LeakRows& before_;
  const LeakRows& after_;
  const Compared compared_;
  std::array<ChangeSums, kChanges> sums_;
  uint64_t grown_bytes_ = 0;
};

// Gives the rows the keys of their stacks.
void set_keys(LeakRows& rows, StackKeys keys);

}  // namespace weir::cli
