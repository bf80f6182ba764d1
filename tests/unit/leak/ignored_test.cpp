// The blocks lie in the table of other allocators' blocks, at made-up addresses: nothing reads them.
#include "leak/ignored.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "track/live_set.h"

namespace weir::leak {
namespace {

constexpr uintptr_t kFirst = 0x20000000000;

track::Block block_at(uintptr_t address, uint64_t tick) {
  track::Block block;
  block.address = address;
  block.bytes = 100;
  block.state = track::BlockState::live;
  block.tick = tick;
  return block;
}

void insert(const track::Block& block) {
  const core::Guard guard;
  ASSERT_TRUE(track::insert_foreign_block(guard.token(), block));
}

track::Block found(uintptr_t address) {
  track::Block block;
  EXPECT_EQ(track::find_block(address, &block, nullptr), track::RemoveResult::removed);
  return block;
}

// As the runtime does it.
void free_block(uintptr_t address) {
  const core::Guard guard;
  track::Block block;
  uintptr_t base = 0;
  ASSERT_EQ(track::remove_block(guard.token(), address, &block, &base), track::RemoveResult::removed);
  if (block.state == track::BlockState::live_of_loader) forget_ignored(address);
}

bool ignore(uintptr_t address) {
  const core::Guard guard;
  return ignore_block(guard.token(), address);
}

TEST(Ignored, ABlockIsExcusedUntilItIsFreed) {
  insert(block_at(kFirst, 7));
  EXPECT_FALSE(is_ignored(found(kFirst)));
  EXPECT_TRUE(ignore(kFirst));
  EXPECT_TRUE(is_ignored(found(kFirst)));
  EXPECT_TRUE(ignore(kFirst)) << "a second time";
  free_block(kFirst);
  insert(block_at(kFirst, 7));  // another one in the same tick
  EXPECT_FALSE(is_ignored(found(kFirst)));
  free_block(kFirst);
}

TEST(Ignored, AFreeThatNobodySawDoesNotExcuseALaterBlock) {
  insert(block_at(kFirst, 7));
  ASSERT_TRUE(ignore(kFirst));
  const core::Guard guard;
  track::Block block;
  uintptr_t base = 0;
  ASSERT_EQ(track::remove_block(guard.token(), kFirst, &block, &base), track::RemoveResult::removed);
  track::Block later = block_at(kFirst, 8);
  later.state = track::BlockState::live_of_loader;  // the loader's own
  ASSERT_TRUE(track::insert_foreign_block(guard.token(), later));
  EXPECT_FALSE(is_ignored(found(kFirst)));
  track::remove_block(guard.token(), kFirst, &block, &base);
  forget_ignored(kFirst);
}

TEST(Ignored, WhatIsNoBlockCannotBeExcused) {
  EXPECT_FALSE(ignore(kFirst + 0x1000));
  EXPECT_FALSE(ignore(0));
}

TEST(Ignored, ANewBlockIsExcusedByItsThreadAlone) {
  EXPECT_FALSE(is_ignoring());
  begin_ignoring();
  begin_ignoring();
  EXPECT_TRUE(is_ignoring());
  bool other = true;
  std::thread([&other] { other = is_ignoring(); }).join();
  EXPECT_FALSE(other);
  end_ignoring();
  EXPECT_TRUE(is_ignoring()) << "one of two";
  end_ignoring();
  EXPECT_FALSE(is_ignoring());
  end_ignoring();  // one too many
  EXPECT_FALSE(is_ignoring());
  begin_ignoring();
  EXPECT_TRUE(is_ignoring());
  end_ignoring();
}

TEST(Ignored, ManyBlocksOfManyThreads) {
  constexpr uintptr_t kThreads = 4, kBlocks = 5000;
  std::vector<std::thread> threads;
  for (uintptr_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([thread] {
      for (uintptr_t i = 0; i < kBlocks; ++i) {
        track::Block block = block_at(kFirst + (thread * kBlocks + i) * 128, i);
        block.state = track::BlockState::live_of_loader;
        ASSERT_TRUE(ignore_new_block(block));
        ASSERT_TRUE(is_ignored(block));
        if (i % 2 != 0) continue;
        ASSERT_TRUE(forget_ignored(block.address));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uintptr_t i = 0; i < kThreads * kBlocks; ++i) {
    EXPECT_EQ(forget_ignored(kFirst + i * 128), i % kBlocks % 2 == 1) << i;
  }
}

}  // namespace
}  // namespace weir::leak
