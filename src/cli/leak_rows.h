// A report's leaks in 24 bytes each: what was still allocated, by stack.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/compact_report.h"
#include "cli/name_table.h"

namespace weir::cli {

// Sums stay at the largest number that there is.
struct Blocks {
  uint64_t bytes = 0, count = 0;
  void add(const Blocks& other);
  void subtract(const Blocks& other);  // down to nothing
  bool operator==(const Blocks&) const = default;
};

enum class LeakKind : uint8_t { definite, indirect, possible, reachable, live };
inline constexpr size_t kLeakKinds = 5;
inline constexpr const char* kLeakKindNames[kLeakKinds] = {"definite", "indirect", "possible", "reachable", "live"};

struct LeakRow {
  uint64_t key = 0;    // of its stack, once that is known (StackKeys)
  uint32_t stack = 0;  // its number in the file, then its node
  uint32_t bytes = 0, count = 0;
  uint16_t memory = 0;  // number among the memories
  LeakKind kind = LeakKind::live;
  bool is_known : 1 = false;   // suppressed, or a runtime's by design
  bool is_cached : 1 = false;  // by a framework's own cache: in use, and no leak, whether anything points to it or not
  bool is_large : 1 = false;   // `bytes` is the number of its blocks among the large ones

  bool is_excused() const { return is_known || is_cached; }
  // Definitely or indirectly, and nobody knows of it.
  bool is_lost() const { return !is_excused() && (kind == LeakKind::definite || kind == LeakKind::indirect); }
  // As what it counts, where it does.
  LeakKind counted_kind() const { return is_cached ? LeakKind::live : kind; }
};

// Where memory lies, as text: its kind, and its device's number or nothing.
struct MemoryPlace {
  std::string memory, device;
};

// Memories by number, the same for several reports.
class MemoryPlaces {
 public:
  uint16_t number_of(const Json& entry);  // 0, which is no memory, for more than there can be
  MemoryPlace place(uint16_t number) const;

 private:
  NameTable names_;
};

class LeakRows {
 public:
  explicit LeakRows(MemoryPlaces& memories) : memories_(&memories) {}

  void add(const Json& leak);
  // Once the report is read: rows know their stacks by their nodes. Throws as ShapeCheck does.
  void find_stacks(const CompactReport& report);
  // Of a report that has just been symbolised: which lost blocks are suppressed or a runtime's by design.
  void name_known(const CompactReport& report);
  // The same where `name` marks the leaks of a report that has a part of the rows. What is known stays so.
  void name_known(const CompactReport& report, const std::function<void(Json& excerpt)>& name);

  std::deque<LeakRow>& rows() { return rows_; }
  const std::deque<LeakRow>& rows() const { return rows_; }
  Blocks blocks_of(const LeakRow& row) const;
  Blocks hanging_from(size_t row) const;  // what only its blocks lead to; before the rows change places

  // What excused blocks in those memories alone lead to, but for what is excused itself: it is excused with them.
  // `is_wanted` is asked with a row's memory. Before the rows change places.
  Blocks excused_hanging(const std::function<bool(uint16_t memory)>& is_wanted) const;

  // By kind, without what is known; a framework's cache counts as live. Before the rows change places.
  std::array<Blocks, kLeakKinds> sums() const;
  Blocks known() const;

 private:
  Json json_of(const LeakRow& row) const;

  MemoryPlaces* memories_;
  std::deque<LeakRow> rows_;
  std::vector<Blocks> large_;                   // those of 4 GiB, or 2^32 blocks, and more
  std::unordered_map<size_t, Blocks> hanging_;  // row -> what only its blocks lead to
};

}  // namespace weir::cli
