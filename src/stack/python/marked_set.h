// A set of numbers that readers look into without a lock: addresses that something is to be known of. Inside src/stack only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/spin_lock.h"

namespace weir::stack::python {

// Numbers from 1 to 2^62. What was taken out keeps its place, for when it comes back: addresses of blocks do.
class MarkedSet {
 public:
  // False where there is no memory.
  bool insert(uint64_t number);

  // Any thread, any time. Who put a number in before, in an order that this thread knows of, will be seen. Cost: about 8 instructions.
  bool contains(uint64_t number) const {
    const uint64_t packed = table_.load(std::memory_order_acquire);
    if (packed == 0) return false;
    const Table table(packed);
    return table.at(table.place_of(number)).load(std::memory_order_acquire) == marked(number);
  }

  // Whether it was in.
  bool take(uint64_t number);

  void reset_after_fork() { lock_.reset_after_fork(); }

 private:
  using Word = std::atomic<uint64_t>;  // a number twice, and 1 while it is in
  static constexpr uint64_t marked(uint64_t number) { return number << 1 | 1; }
  static constexpr int kLogShift = 56;

  // Words and their count in one word, so that readers see both of the same table.
  struct Table {
    Word* first;
    uint32_t log;
    explicit Table(uint64_t packed)
        : first(reinterpret_cast<Word*>(packed & ((uint64_t{1} << kLogShift) - 1))),
          log(static_cast<uint32_t>(packed >> kLogShift)) {}
    Word& at(size_t place) const { return first[place]; }
    // Where the number is, or would be.
    size_t place_of(uint64_t number) const {
      const size_t mask = (size_t{1} << log) - 1;
      size_t place = (number * 0x9e3779b97f4a7c15) >> (64 - log);
      for (;; place = (place + 1) & mask) {
        const uint64_t word = first[place].load(std::memory_order_relaxed);
        if (word == 0 || word >> 1 == number) return place;
      }
    }
  };

  bool make_room();

  core::SpinLock lock_;
  std::atomic<uint64_t> table_{0};
  uint32_t used_ = 0;  // places
};

}  // namespace weir::stack::python
