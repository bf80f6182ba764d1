#include "cuda/sizes.h"

#include <gtest/gtest.h>

namespace weir::cuda {
namespace {

constexpr int kUint8 = 0x01, kHalf = 0x10, kFloat = 0x20, kNv12 = 0xb0, kUnorm8x4 = 0xc2, kSnorm16x2 = 0xca,
              kBc1 = 0x91, kBc7 = 0x9d, kUnknown = 0x7f;

TEST(Sizes, ElementsHaveTheBitsOfTheirFormat) {
  EXPECT_EQ(bits_of_element(kUint8, 1), 8u);
  EXPECT_EQ(bits_of_element(kHalf, 2), 32u);
  EXPECT_EQ(bits_of_element(kFloat, 4), 128u);
  EXPECT_EQ(bits_of_element(kNv12, 3), 12u);
  EXPECT_EQ(bits_of_element(kUnorm8x4, 4), 32u);
  EXPECT_EQ(bits_of_element(kSnorm16x2, 2), 32u);
  EXPECT_EQ(bits_of_element(kBc1, 4), 4u);
  EXPECT_EQ(bits_of_element(kBc7, 4), 8u);
  EXPECT_EQ(bits_of_element(kUnknown, 4), 0u);
}

TEST(Sizes, AnExtentNotUsedCountsAsOne) {
  EXPECT_EQ(array_bytes(100, 0, 0, kFloat, 1), 400u);
  EXPECT_EQ(array_bytes(100, 10, 0, kFloat, 2), 8000u);
  EXPECT_EQ(array_bytes(64, 8, 2, kFloat, 2), 8192u);
  EXPECT_EQ(array_bytes(8, 8, 0, kBc1, 4), 32u);
}

TEST(Sizes, WhatOverflowsIsNoSize) {
  EXPECT_EQ(array_bytes(UINT64_MAX, 2, 0, kUint8, 1), 0u);
  EXPECT_EQ(array_bytes(UINT64_MAX / 4, 1, 0, kFloat, 4), 0u);
}

TEST(Sizes, EachLevelIsHalfTheOneBefore) {
  const Array3DShape flat{64, 64, 0, kUint8, 1, 0};
  EXPECT_EQ(mipmapped_bytes(flat, 3), 64u * 64 + 32 * 32 + 16 * 16);
  const Array3DShape solid{8, 8, 8, kUint8, 1, 0};
  EXPECT_EQ(mipmapped_bytes(solid, 2), 8u * 8 * 8 + 4 * 4 * 4);
  const Array3DShape layered{8, 8, 3, kUint8, 1, 1};
  EXPECT_EQ(mipmapped_bytes(layered, 2), 3u * (8 * 8 + 4 * 4));
  const Array3DShape thin{4, 1, 0, kUint8, 1, 0};
  EXPECT_EQ(mipmapped_bytes(thin, 4), 4u + 2 + 1 + 1);
}

}  // namespace
}  // namespace weir::cuda
