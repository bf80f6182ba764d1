#include "track/record.h"

#include <gtest/gtest.h>

namespace weir::track {
namespace {

TEST(Record, KeepsEveryFieldAtItsLimits) {
  Block block;
  block.bytes = kSizeElsewhere - 1;
  block.stack = static_cast<core::StackId>(0xfffffffe);
  block.thread = static_cast<core::ThreadId>(core::kMaxThreadId);
  block.family = Family::array_new;
  block.align_log2 = 31;
  block.state = BlockState::freed;
  block.tick = (uint64_t{1} << core::kTickBits) - 1;
  const Block copy = unpack(pack(block));
  EXPECT_EQ(copy.bytes, block.bytes);
  EXPECT_EQ(copy.stack, block.stack);
  EXPECT_EQ(copy.thread, block.thread);
  EXPECT_EQ(copy.family, block.family);
  EXPECT_EQ(copy.align_log2, block.align_log2);
  EXPECT_EQ(copy.state, block.state);
  EXPECT_EQ(copy.tick, block.tick);
}

TEST(Record, MarksASizeThatItCannotHold) {
  Block block;
  block.bytes = size_t{1} << 40;
  EXPECT_EQ(unpack(pack(block)).bytes, kSizeElsewhere);
}

TEST(Record, IsDeadWhenZero) { EXPECT_EQ(unpack({0, 0}).state, BlockState::never); }

}  // namespace
}  // namespace weir::track
