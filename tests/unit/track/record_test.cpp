#include "track/record.h"

#include <gtest/gtest.h>

namespace weir::track {
namespace {

Block unpacked(const Record& record) {
  Block block;
  unpack(record, &block);
  return block;
}

TEST(Record, KeepsEveryFieldAtItsLimits) {
  Block block;
  block.bytes = kSizeElsewhere - 1;
  block.stack = static_cast<core::StackId>(0xfffffffe);
  block.thread = static_cast<core::ThreadId>(core::kMaxThreadId);
  block.family = Family::array_new;
  block.align_log2 = 31;
  block.state = BlockState::freed;
  block.tick = (uint64_t{1} << core::kTickBits) - 1;
  const Block copy = unpacked(pack(block));
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
  EXPECT_EQ(unpacked(pack(block)).bytes, kSizeElsewhere);
}

TEST(Record, OfAFreedBlockTellsWhatItWasAndWhoFreedIt) {
  Block block;
  block.bytes = 77;
  block.stack = static_cast<core::StackId>(9);
  block.thread = static_cast<core::ThreadId>(3);
  block.family = Family::array_new;
  block.align_log2 = 12;
  block.state = BlockState::live_of_loader;
  block.tick = 1000;
  Record record = pack(block);
  record.word1 = freed_word1(record.word1, {static_cast<core::ThreadId>(core::kMaxThreadId), 2000});
  const Block freed = unpacked(record);
  EXPECT_EQ(freed.state, BlockState::freed);
  EXPECT_EQ(freed.thread, static_cast<core::ThreadId>(core::kMaxThreadId));
  EXPECT_EQ(freed.tick, 2000U);
  EXPECT_EQ(freed.bytes, 77U);
  EXPECT_EQ(freed.stack, block.stack);
  EXPECT_EQ(freed.family, Family::array_new);
  EXPECT_EQ(freed.align_log2, 12);
}

TEST(Record, TheMarkOfADisplacedBlockIsNoAlignment) {
  EXPECT_EQ(align_log2_of(kDisplacedMark), 0);
  EXPECT_EQ(unpacked({0, kDisplacedMark | static_cast<uint64_t>(BlockState::live)}).align_log2, 0);
}

TEST(Record, IsDeadWhenZero) { EXPECT_EQ(unpacked({0, 0}).state, BlockState::never); }

}  // namespace
}  // namespace weir::track
