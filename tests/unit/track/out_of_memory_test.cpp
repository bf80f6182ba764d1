#include "track/out_of_memory.h"

#include <gtest/gtest.h>

#include "track/stack_counters.h"

namespace weir::track {
namespace {

constexpr uint32_t kFirstStack = 5000, kLastStack = 5100;

class HostOutOfMemory : public testing::Test {
 protected:
  void SetUp() override {
    stack_counters_reset_after_fork();
    out_of_memory_reset_after_fork();
  }
  void TearDown() override { SetUp(); }

  static void hold(uint32_t stack, uint64_t bytes) {
    StackCounters& counters = counters_of(core::StackId{stack});
    counters.alloc_count += 2;
    counters.free_count += 1;
    counters.alloc_bytes += bytes + 10;
    counters.free_bytes += 10;
  }
};

TEST_F(HostOutOfMemory, TheLargestHoldersAreKeptInOrder) {
  for (uint32_t stack = kFirstStack; stack < kLastStack; ++stack) hold(stack, stack - kFirstStack + 1);
  record_out_of_memory({1 << 20, Family::scalar_new, core::StackId{1}, core::ThreadId{1}, 7}, kLastStack);
  ASSERT_EQ(out_of_memory_count(), 1u);
  const OutOfMemory& event = out_of_memory(0);
  EXPECT_EQ(event.live_bytes, 5050u);
  EXPECT_EQ(event.live_count, 100u);
  ASSERT_EQ(event.holder_count, kMostHolders);
  for (size_t i = 0; i < kMostHolders; ++i) {
    EXPECT_EQ(event.holders[i].bytes, 100 - i);
    EXPECT_EQ(event.holders[i].count, 1u);
  }
}

TEST_F(HostOutOfMemory, TheFirstFewAreKept) {
  for (size_t i = 0; i < kMostOutOfMemory + 3; ++i) record_out_of_memory({i, Family::malloc, {}, {}, 0}, 1);
  ASSERT_EQ(out_of_memory_count(), kMostOutOfMemory);
  EXPECT_EQ(out_of_memory(kMostOutOfMemory - 1).request.bytes, kMostOutOfMemory - 1);
}

}  // namespace
}  // namespace weir::track
