// How many bytes a block has for a request: device memory as the driver itself rounds, pinned memory in eight classes for each doubling.
#include <gtest/gtest.h>

#include <set>

#include "cuda/pool/device_pool.h"
#include "cuda/pool/pinned_pool.h"

namespace weir::cuda::pool {
namespace {

constexpr uint64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024;
constexpr uint64_t kMost = uint64_t{1} << 56;

using Round = bool (*)(uint64_t, uint64_t*);

uint64_t rounded(Round round, uint64_t asked) {
  uint64_t taken = 0;
  EXPECT_TRUE(round(asked, &taken)) << asked;
  return taken;
}
uint64_t device_bytes(uint64_t asked) { return rounded(&device_block_bytes, asked); }
uint64_t pinned_bytes(uint64_t asked) { return rounded(&pinned_block_bytes, asked); }

void expect_refused(Round round) {
  for (const uint64_t asked : {uint64_t{0}, kMost + 1, UINT64_MAX - 4096, UINT64_MAX - 1, UINT64_MAX}) {
    uint64_t taken = 77;
    EXPECT_FALSE(round(asked, &taken)) << asked;
    EXPECT_EQ(taken, 77u) << asked;
  }
  EXPECT_EQ(rounded(round, kMost), kMost);
  EXPECT_GE(rounded(round, kMost - 1), kMost - 1);
}

TEST(BlockBytesTest, NothingAndTooMuchAreRefusedWithoutOverflow) {
  expect_refused(&device_block_bytes);
  expect_refused(&pinned_block_bytes);
}

TEST(BlockBytesTest, DeviceMemoryIsRoundedAtEveryBoundaryAsByTheDriver) {
  for (uint64_t bytes = kSmallGranule; bytes <= kLargestSmall; bytes += kSmallGranule) {
    ASSERT_EQ(device_bytes(bytes), bytes);
    ASSERT_EQ(device_bytes(bytes - 1), bytes);
    ASSERT_EQ(device_bytes(bytes - kSmallGranule + 1), bytes);
  }
  ASSERT_EQ(device_bytes(kLargestSmall + 1), kLargeGranule);
  for (uint64_t bytes = kLargeGranule; bytes <= 8 * kGiB; bytes += kLargeGranule) {
    ASSERT_EQ(device_bytes(bytes), bytes);
    ASSERT_EQ(device_bytes(bytes - 1), bytes);
    ASSERT_EQ(device_bytes(bytes + 1), bytes + kLargeGranule);
  }
}

TEST(BlockBytesTest, PinnedMemoryHasEightClassesForEachDoubling) {
  EXPECT_EQ(pinned_bytes(1), 512u);
  EXPECT_EQ(pinned_bytes(512), 512u);
  for (uint64_t base = 512; base < 64 * kMiB; base *= 2) {
    std::set<uint64_t> classes;
    for (uint64_t step = 1; step <= 8; ++step) {
      const uint64_t bytes = base + base / 8 * step, before = bytes - base / 8;
      ASSERT_EQ(pinned_bytes(bytes), bytes);
      ASSERT_EQ(pinned_bytes(bytes - 1), bytes);
      ASSERT_EQ(pinned_bytes(before + 1), bytes);
      classes.insert(bytes);
    }
    ASSERT_EQ(classes.size(), 8u);
  }
}

TEST(BlockBytesTest, PinnedMemoryIsOfWholePagesAboveTheLargestClass) {
  EXPECT_EQ(pinned_bytes(64 * kMiB), 64 * kMiB);
  for (const uint64_t base : {64 * kMiB, 64 * kMiB + 4096, kGiB, 37 * kGiB}) {
    EXPECT_EQ(pinned_bytes(base + 1), base + 4096);
    EXPECT_EQ(pinned_bytes(base + 4095), base + 4096);
    EXPECT_EQ(pinned_bytes(base + 4096), base + 4096);
  }
}

TEST(BlockBytesTest, RoundingWastesLittleAndNeverGivesLess) {
  for (uint64_t asked = 1; asked < kMost; asked += 1 + asked / 97) {
    const uint64_t device = device_bytes(asked), pinned = pinned_bytes(asked);
    ASSERT_GE(device, asked);
    ASSERT_GE(pinned, asked);
    ASSERT_LT(device - asked, asked <= kLargestSmall ? kSmallGranule : kLargeGranule);
    if (asked <= 512) continue;
    // Within an eighth of the doubling that it lies in; a page above 64 MiB.
    ASSERT_LE((pinned - asked) * 8, asked) << asked;
    if (asked > 64 * kMiB) {
      ASSERT_LT(pinned - asked, 4096u);
    }
  }
}

TEST(BlockBytesTest, RoundingARoundedSizeChangesNothing) {
  for (uint64_t asked = 1; asked < kGiB; asked += 1 + asked / 57) {
    ASSERT_EQ(device_bytes(device_bytes(asked)), device_bytes(asked));
    ASSERT_EQ(pinned_bytes(pinned_bytes(asked)), pinned_bytes(asked));
  }
}

}  // namespace
}  // namespace weir::cuda::pool
