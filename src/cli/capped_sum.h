// Sums of figures that a report may give as large as it likes.
#pragma once

#include <cstdint>

namespace weir::cli {

// The largest number that there is, where the sum is beyond it.
inline uint64_t capped_sum(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

}  // namespace weir::cli
