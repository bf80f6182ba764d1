// When a thread's cache is to double: while it keeps throwing out entries at a rate that its use does not explain.
#pragma once

#include <cstdint>

namespace weir::stack {

class CacheGrowth {
 public:
  // One more entry of a cache of `capacity` was thrown out, at `clock` captures. True where the cache is too small: twice
  // its entries were thrown out within 16 times as many captures.
  bool evicted(uint64_t capacity, uint64_t clock) {
    if (++evictions_ < 2 * capacity) [[likely]]
      return false;
    const uint64_t elapsed = clock - since_;
    const bool too_small = elapsed < 16 * evictions_;
    evictions_ = 0;
    since_ = clock;
    return too_small;
  }

 private:
  uint64_t evictions_ = 0;
  uint64_t since_ = 0;
};

}  // namespace weir::stack
