#include "cuda/out_of_memory.h"

#include <gtest/gtest.h>

#include "cuda/allocation_table.h"

namespace weir::cuda {
namespace {

class OutOfMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    allocation_table_reset_after_fork();
    out_of_memory_reset_after_fork();
  }
  void TearDown() override { SetUp(); }

  static void live(uint64_t key, uint64_t bytes, uint32_t stack, Kind kind = Kind::device, int16_t device = 0) {
    Allocation allocation;
    allocation.key = key;
    allocation.bytes = bytes;
    allocation.origin.stack = core::StackId{stack};
    allocation.kind = kind;
    allocation.device = device;
    insert_allocation(allocation);
  }
  static void refuse(uint64_t bytes) { record_out_of_memory({{}, "cuMemAlloc_v2", Kind::device, 0, bytes}); }
};

TEST_F(OutOfMemoryTest, HoldersOfThatDeviceAreAddedUpByStack) {
  live(1, 10, 5);
  live(2, 20, 5);
  live(3, 25, 6);
  live(4, 1000, 7, Kind::device, 1);
  live(5, 1000, 8, Kind::pinned);
  refuse(4096);
  ASSERT_EQ(out_of_memory_count(), 1u);
  const OutOfMemory& event = out_of_memory(0);
  EXPECT_EQ(event.request.bytes, 4096u);
  EXPECT_EQ(event.live_bytes, 55u);
  EXPECT_EQ(event.live_count, 3u);
  ASSERT_EQ(event.holder_count, 2u);
  EXPECT_EQ(event.holders[0].stack, core::StackId{5});
  EXPECT_EQ(event.holders[0].bytes, 30u);
  EXPECT_EQ(event.holders[0].count, 2u);
  EXPECT_EQ(event.holders[1].bytes, 25u);
}

TEST_F(OutOfMemoryTest, TheLargestHoldersAreKept) {
  for (uint32_t stack = 1; stack <= 100; ++stack) live(stack, stack, stack);
  refuse(1);
  const OutOfMemory& event = out_of_memory(0);
  ASSERT_EQ(event.holder_count, kMostHolders);
  for (size_t i = 0; i < kMostHolders; ++i) EXPECT_EQ(event.holders[i].bytes, 100 - i);
  EXPECT_EQ(event.live_bytes, 5050u);
}

TEST_F(OutOfMemoryTest, LaterOnesAreCounted) {
  for (size_t i = 0; i < kMostOutOfMemory + 2; ++i) refuse(1);
  EXPECT_EQ(out_of_memory_count(), kMostOutOfMemory);
  EXPECT_EQ(out_of_memory_left_out_count(), 2u);
}

}  // namespace
}  // namespace weir::cuda
