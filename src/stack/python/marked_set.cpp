#include "stack/python/marked_set.h"

#include "core/arena.h"

namespace weir::stack::python {
namespace {

constexpr uint32_t kFirstLog = 8;

}  // namespace

bool MarkedSet::insert(uint64_t number) {
  if (contains(number)) return true;
  const core::LockScope scope(lock_);
  if (!make_room()) return false;
  const Table table(table_.load(std::memory_order_relaxed));
  Word& word = table.at(table.place_of(number));
  if (word.load(std::memory_order_relaxed) == 0) ++used_;
  word.store(marked(number), std::memory_order_release);
  return true;
}

bool MarkedSet::take(uint64_t number) {
  const core::LockScope scope(lock_);
  const Table table(table_.load(std::memory_order_relaxed));
  Word& word = table.at(table.place_of(number));
  if (word.load(std::memory_order_relaxed) != marked(number)) return false;
  word.store(number << 1, std::memory_order_release);
  return true;
}

// At most half of the places are used. An outgrown table stays: somebody may be reading it.
bool MarkedSet::make_room() {
  const uint64_t packed = table_.load(std::memory_order_relaxed);
  const Table old(packed);
  if (packed != 0 && used_ < (1U << old.log) / 2) return true;
  const uint32_t log = packed == 0 ? kFirstLog : old.log + 1;
  auto* first = core::arena_array<Word>(size_t{1} << log);
  if (first == nullptr) return false;
  const uint64_t next = reinterpret_cast<uintptr_t>(first) | uint64_t{log} << kLogShift;
  const Table table(next);
  for (size_t i = 0; packed != 0 && i < size_t{1} << old.log; ++i) {
    const uint64_t word = old.at(i).load(std::memory_order_relaxed);
    if (word != 0) table.at(table.place_of(word >> 1)).store(word, std::memory_order_relaxed);
  }
  table_.store(next, std::memory_order_release);
  return true;
}

}  // namespace weir::stack::python
