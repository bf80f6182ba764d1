// Which of many words may be addresses in a range: most are not, and are told four at a time. For x86-64's SSE2, which all have.
#pragma once

#include <emmintrin.h>

#include <cstdint>

namespace weir::leak {

class WordFilter {
 public:
  WordFilter(uintptr_t lowest, uintptr_t highest)
      : shift_(_mm_set1_epi32(static_cast<int>(0x80000000U - upper_half(lowest)))),
        limit_(_mm_set1_epi32(static_cast<int>(0x80000000U + (upper_half(highest) - upper_half(lowest))))) {}

  // Whether any of the four words at `words` may lie in the range, by their upper halves.
  bool may_hold_any(const uintptr_t* words) const {
    const auto* vectors = reinterpret_cast<const __m128i*>(words);
    const __m128 low = _mm_castsi128_ps(_mm_loadu_si128(vectors)),
                 high = _mm_castsi128_ps(_mm_loadu_si128(vectors + 1));
    const __m128i upper_halves = _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
    // As signed numbers, the only ones that SSE2 compares, with the range's beginning moved to the least of them.
    const __m128i is_above = _mm_cmpgt_epi32(_mm_add_epi32(upper_halves, shift_), limit_);
    return _mm_movemask_epi8(is_above) != 0xffff;
  }

 private:
  static uint32_t upper_half(uintptr_t address) { return static_cast<uint32_t>(address >> 32); }

  __m128i shift_, limit_;
};

}  // namespace weir::leak
