#include "cli/diff_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir::cli {
namespace {

constexpr size_t kEntriesAtOnce = 256;

using Rows = std::deque<LeakRow>;

std::pair<uint64_t, uint16_t> place_of(const LeakRow& row) { return {row.key, row.memory}; }

// Equal places together; the same order whatever order they came in.
void sort(Rows& rows) {
  std::sort(rows.begin(), rows.end(), [](const LeakRow& a, const LeakRow& b) {
    return std::tuple(a.key, a.memory, a.stack) < std::tuple(b.key, b.memory, b.stack);
  });
}

size_t end_of_place(const Rows& rows, size_t begin) {
  size_t end = begin + 1;
  while (end < rows.size() && place_of(rows[end]) == place_of(rows[begin])) ++end;
  return end;
}

uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

// How much an entry matters: the change's bytes, then its blocks, then what is held.
std::tuple<uint64_t, uint64_t, uint64_t> weight(const DiffEntry& entry) {
  return {distance(entry.before.bytes, entry.after.bytes), distance(entry.before.count, entry.after.count),
          std::max(entry.before.bytes, entry.after.bytes)};
}

}  // namespace

Change change_of(const DiffEntry& entry) {
  const auto figures = [](const Blocks& blocks) { return std::pair(blocks.bytes, blocks.count); };
  if (entry.before == entry.after) return Change::none;
  if (entry.before == Blocks()) return Change::added;
  if (entry.after == Blocks()) return Change::gone;
  return figures(entry.after) > figures(entry.before) ? Change::grown : Change::shrunk;
}

void set_keys(LeakRows& rows, StackKeys keys) {
  for (LeakRow& row : rows.rows()) row.key = keys.key_of(row.stack);
}

DiffTable::DiffTable(LeakRows& before, LeakRows& after, Compared compared)
    : before_(before), after_(after), compared_(compared) {
  for (LeakRows* rows : {&before, &after}) {
    if (compared == Compared::lost) std::erase_if(rows->rows(), [](const LeakRow& row) { return !row.is_lost(); });
    sort(rows->rows());
  }
  Blocks grown;
  join([&](const Place& place) {
    const DiffEntry entry = entry_at(place);
    ChangeSums& sums = sums_[static_cast<size_t>(change_of(entry))];
    ++sums.entries;
    sums.before.add(entry.before);
    sums.after.add(entry.after);
    if (entry.after.bytes > entry.before.bytes) grown.add({entry.after.bytes - entry.before.bytes, 0});
  });
  grown_bytes_ = grown.bytes;
}

// Each place of either report once.
template <class Take>
void DiffTable::join(const Take& take) const {
  const Rows &before = before_.rows(), &after = after_.rows();
  size_t b = 0, a = 0;
  while (b < before.size() || a < after.size()) {
    const bool has_before = b < before.size() && (a == after.size() || place_of(before[b]) <= place_of(after[a]));
    const bool has_after = a < after.size() && (b == before.size() || place_of(after[a]) <= place_of(before[b]));
    take(Place{has_before ? static_cast<uint32_t>(b) : Place::kNone,
               has_after ? static_cast<uint32_t>(a) : Place::kNone});
    if (has_before) b = end_of_place(before, b);
    if (has_after) a = end_of_place(after, a);
  }
}

DiffEntry DiffTable::entry_at(const Place& place) const {
  DiffEntry entry;
  const auto add = [&entry](const LeakRows& rows, uint32_t begin, Blocks& blocks, Blocks& lost, uint32_t& stack) {
    if (begin == Place::kNone) return;
    const size_t end = end_of_place(rows.rows(), begin);
    for (size_t i = begin; i < end; ++i) {
      const LeakRow& row = rows.rows()[i];
      blocks.add(rows.blocks_of(row));
      if (row.is_lost()) lost.add(rows.blocks_of(row));
    }
    entry.memory = rows.rows()[begin].memory;
    stack = rows.rows()[begin].stack;
  };
  add(before_, place.before, entry.before, entry.lost_before, entry.stack_before);
  add(after_, place.after, entry.after, entry.lost_after, entry.stack_after);
  return entry;
}

void DiffTable::for_each(Change change, uint64_t limit,
                         const std::function<void(const std::vector<DiffEntry>&)>& take) const {
  std::vector<Place> places;
  const auto is_more = [this](const Place& a, const Place& b) { return weight(entry_at(a)) > weight(entry_at(b)); };
  const auto keep_most = [&] {
    std::stable_sort(places.begin(), places.end(), is_more);
    if (places.size() > limit) places.resize(limit);
  };
  join([&](const Place& place) {
    if (change_of(entry_at(place)) != change) return;
    places.push_back(place);
    if (limit < kEntriesAtOnce && places.size() == 2 * kEntriesAtOnce) keep_most();
  });
  keep_most();
  for (size_t begin = 0; begin < places.size(); begin += kEntriesAtOnce) {
    std::vector<DiffEntry> entries;
    for (size_t i = begin; i < std::min(begin + kEntriesAtOnce, places.size()); ++i)
      entries.push_back(entry_at(places[i]));
    take(entries);
  }
}

}  // namespace weir::cli
