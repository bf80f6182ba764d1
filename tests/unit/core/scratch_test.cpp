#include "core/scratch.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

TEST(ScratchArray, GrowsAndKeepsItsContent) {
  ScratchArray<uint64_t> numbers;
  EXPECT_EQ(numbers.size(), 0U);
  EXPECT_EQ(numbers.begin(), numbers.end());
  for (uint64_t i = 0; i < 100'000; ++i) ASSERT_TRUE(numbers.push(i));
  for (uint64_t i = 0; i < 100'000; ++i) ASSERT_EQ(numbers[i], i);
}

TEST(ScratchArray, NewElementsAreZero) {
  ScratchArray<uint32_t> numbers;
  ASSERT_TRUE(numbers.resize(10));
  numbers[9] = 1;
  ASSERT_TRUE(numbers.resize(1'000'000));
  EXPECT_EQ(numbers[9], 1U);
  EXPECT_EQ(numbers[10], 0U);
  EXPECT_EQ(numbers[999'999], 0U);
}

TEST(ScratchArray, RefusesWhatTheKernelRefuses) {
  ScratchArray<uint64_t> numbers;
  EXPECT_FALSE(numbers.resize(size_t{1} << 50));
  EXPECT_EQ(numbers.size(), 0U);
  ASSERT_TRUE(numbers.resize(5));
}

}  // namespace
}  // namespace weir::core
