// The pool's size classes (src/pool/mimalloc_sources.cmake).
#include <gtest/gtest.h>
#include <mimalloc.h>

#include <cstdint>
#include <set>

#include "pool/mimalloc_page.h"
#include "track/totals.h"

namespace {

constexpr size_t kLargestClass = size_t{128} << 10;

size_t block_bytes_for(size_t asked) {
  void* block = mi_malloc(asked);
  const size_t bytes = weir_pool_page(block).block_bytes;
  mi_free(block);
  return bytes;
}

size_t step_below(size_t asked) {
  if (asked <= 128) return 16;
  size_t power = 128;
  while (power * 2 < asked) power *= 2;
  return power / 8;
}

TEST(SizeClasses, ABlockIsTheNextStepOfAnEighthOfItsDoubling) {
  for (size_t asked = 9; asked <= kLargestClass; asked += asked < 4096 ? 1 : 61) {
    const size_t step = step_below(asked);
    ASSERT_EQ(block_bytes_for(asked), (asked + step - 1) / step * step) << asked;
  }
}

TEST(SizeClasses, TheCountersHaveAPlaceForEach) {
  std::set<size_t> classes;
  for (size_t asked = 16; asked <= kLargestClass; asked += 16) classes.insert(block_bytes_for(asked));
  EXPECT_EQ(classes.size(), 88U);
  EXPECT_LE(classes.size(), weir::track::kSizeClasses);
}

}  // namespace
