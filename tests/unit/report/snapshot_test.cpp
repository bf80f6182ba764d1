#include "report/snapshot.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "live_blocks.h"
#include "track/mapping_table.h"

namespace weir::report {
namespace {

const Leak* leak_of(const Snapshot& snapshot, core::StackId stack, Memory memory = Memory::host) {
  for (size_t i = 0; i < snapshot.leak_count(); ++i) {
    if (snapshot.leak(i).stack == stack && snapshot.leak(i).memory == memory) return &snapshot.leak(i);
  }
  return nullptr;
}

TEST(Snapshot, ALeakIsAllBlocksOfAStack) {
  LiveBlocks blocks;
  const core::StackId stack = make_stack({0x1001, 0x1002}), other = make_stack({0x1003, 0x1002});
  blocks.add(stack, 100, kFirstTick + 5, 1);
  blocks.add(stack, 50, kFirstTick + 2, 2, track::Family::array_new, 6);
  blocks.add(stack, 0, kFirstTick + 9, 1);
  blocks.add(stack, 7, kFirstTick + 3, 1);
  blocks.add(other, 1000);
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, UINT64_MAX));
  ASSERT_EQ(snapshot.leak_count(), 2U);
  EXPECT_EQ(snapshot.leak(0).stack, other) << "most bytes first";
  const Leak& leak = snapshot.leak(1);
  EXPECT_EQ(leak.stack, stack);
  EXPECT_EQ(leak.bytes, 157U);
  EXPECT_EQ(leak.count, 4U);
  EXPECT_EQ(leak.first_tick, kFirstTick + 2);
  EXPECT_EQ(leak.last_tick, kFirstTick + 9);
  EXPECT_EQ(leak.thread_count, 2U);
  EXPECT_EQ(leak.sample_count, kMaxSamples);
  std::vector<uint64_t> bytes;
  snapshot.for_each_sample(leak, [&](const SampledBlock& sample) {
    bytes.push_back(sample.bytes);
    if (sample.bytes != 50) return;
    EXPECT_EQ(sample.supplier, Supplier::array_new);
    EXPECT_EQ(sample.align_log2, 6);
    EXPECT_EQ(sample.thread, static_cast<core::ThreadId>(2));
  });
  EXPECT_EQ(bytes.size(), kMaxSamples);
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 100U), 1);  // each once, of one of the pool's pages after the other
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 50U), 1);
  const auto threads = snapshot.threads_of(leak);
  EXPECT_EQ(std::vector(threads.begin(), threads.end()),
            (std::vector{static_cast<core::ThreadId>(1), static_cast<core::ThreadId>(2)}));
  EXPECT_EQ(snapshot.threads_of(snapshot.leak(0)).size(), 1U);
}

TEST(Snapshot, BlocksFromBeforeAForkAreCountedNotListed) {
  LiveBlocks blocks;
  const core::StackId stack = make_stack({0x1101});
  blocks.add(stack, 30, kFirstTick);
  Snapshot before;
  ASSERT_TRUE(before.take(kFirstTick + 1, UINT64_MAX));
  const uint64_t count = before.inherited_count(), bytes = before.inherited_bytes();
  EXPECT_EQ(leak_of(before, stack), nullptr);
  blocks.add(stack, 12, kFirstTick + 1);
  blocks.add(stack, 13, kFirstTick);
  Snapshot after;
  ASSERT_TRUE(after.take(kFirstTick + 1, UINT64_MAX));
  EXPECT_EQ(after.inherited_count(), count + 1);
  EXPECT_EQ(after.inherited_bytes(), bytes + 13);
  ASSERT_NE(leak_of(after, stack), nullptr);
  EXPECT_EQ(leak_of(after, stack)->bytes, 12U);
}

TEST(Snapshot, ThreadsAreCountedOnce) {
  LiveBlocks blocks;
  const core::StackId stack = make_stack({0x1201}), second = make_stack({0x1202});
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t thread = 1; thread <= 1000; ++thread) blocks.add(stack, 1, kFirstTick, thread);
    for (uint32_t thread = 1; thread <= 9; ++thread) blocks.add(second, 1, kFirstTick, thread);
  }
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, UINT64_MAX));
  EXPECT_EQ(leak_of(snapshot, stack)->thread_count, 1000U);
  EXPECT_EQ(leak_of(snapshot, second)->thread_count, 9U);
  EXPECT_EQ(leak_of(snapshot, stack)->count, 3000U);
}

TEST(Snapshot, LargeBlocksComeLargestFirstUpToACap) {
  LiveBlocks blocks;
  const core::StackId stack = make_stack({0x1301});
  constexpr size_t kLarge = 1 << 20, kMore = 5;
  for (size_t i = 0; i < kMaxLarge + kMore; ++i) blocks.add(stack, kLarge + (i * 7919) % (kMaxLarge + kMore));
  blocks.add(stack, kLarge - 1);
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, kLarge));
  ASSERT_EQ(snapshot.large().size(), kMaxLarge);
  EXPECT_EQ(snapshot.large_left_out_count(), kMore);
  for (size_t i = 0; i < kMaxLarge; ++i) ASSERT_EQ(snapshot.large()[i].bytes, kLarge + kMaxLarge + kMore - 1 - i);
}

TEST(Snapshot, HotSitesAreTheFirstOfTwoOrdersEachOnce) {
  LiveBlocks blocks;
  constexpr uint32_t kStacks = 1000;
  constexpr uint64_t kFar = 1'000'000'000;  // beyond whatever other tests counted
  std::vector<core::StackId> stacks;
  for (uint32_t i = 0; i < kStacks; ++i) {
    stacks.push_back(make_stack({0x20000 + i}));
    track::StackCounters& counters = track::counters_of(stacks.back());
    counters.alloc_count = counters.free_count = kFar + i;
    counters.temporary_count = i < 300 ? kFar + i : 0;
  }
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, UINT64_MAX));
  ASSERT_EQ(snapshot.hot_sites().size(), 2 * kHotSites);
  for (uint32_t i = 0; i < kHotSites; ++i) {
    ASSERT_EQ(snapshot.hot_sites()[i].stack, stacks[299 - i]) << i;
    ASSERT_EQ(snapshot.hot_sites()[kHotSites + i].stack, stacks[kStacks - 1 - i]) << i;
  }
  for (const core::StackId stack : stacks) track::counters_of(stack) = {};
}

TEST(Snapshot, ASiteThatIsFirstInBothOrdersIsListedOnce) {
  const core::StackId stack = make_stack({0x1401});
  track::StackCounters& counters = track::counters_of(stack);
  counters.alloc_count = counters.free_count = counters.temporary_count = 2'000'000'000;
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, UINT64_MAX));
  size_t found = 0;
  for (const HotSite& site : snapshot.hot_sites()) found += site.stack == stack;
  EXPECT_EQ(found, 1U);
  counters = {};
}

TEST(Snapshot, PeakPartsComeMostBytesFirst) {
  LiveBlocks blocks;
  const core::StackId small = make_stack({0x1501}), big = make_stack({0x1502});
  blocks.add(small, 1000);
  blocks.add(big, size_t{1} << 40);
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, UINT64_MAX));
  ASSERT_GE(snapshot.peak().size(), 2U);
  EXPECT_EQ(snapshot.peak()[0].stack, big);
  EXPECT_EQ(snapshot.peak()[0].bytes, size_t{1} << 40);
  EXPECT_EQ(snapshot.peak()[0].count, 1U);
  for (size_t i = 1; i < snapshot.peak().size(); ++i) EXPECT_GE(snapshot.peak()[i - 1].bytes, snapshot.peak()[i].bytes);
}

TEST(Snapshot, TheSmallestPartsOfALongPeakAreSummedUp) {
  LiveBlocks blocks;
  constexpr uint32_t kMore = 500;
  for (uint32_t i = 0; i < kMaxPeakParts + kMore; ++i) blocks.add(make_stack({0x1600'0000 + i}), 100'000 + i);
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, UINT64_MAX));
  ASSERT_EQ(snapshot.peak().size(), kMaxPeakParts);
  EXPECT_EQ(snapshot.peak()[0].bytes, 100'000 + kMaxPeakParts + kMore - 1);
  EXPECT_EQ(snapshot.peak()[kMaxPeakParts - 1].bytes, 100'000 + kMore);
  EXPECT_GE(snapshot.peak_rest().stack_count, kMore);  // and what other tests left
  EXPECT_EQ(snapshot.peak_rest().stack_count, snapshot.peak_rest().count);
  EXPECT_GE(snapshot.peak_rest().bytes, kMore * uint64_t{100'000} + kMore * (kMore - 1) / 2);
}

TEST(Snapshot, MappingsOfTheProgramAreLeaksOfTheirOwnMemory) {
  track::mapping_table_clear();
  const core::StackId stack = make_stack({0x1601});
  track::Mapping mapping;
  mapping.address = 0x20000000000;
  mapping.bytes = 8192;
  mapping.stack = stack;
  mapping.tick = kFirstTick;
  mapping.protection = PROT_READ;
  track::insert_mapping(mapping);
  mapping.address += 1 << 20;
  mapping.kind = track::MappingKind::file;
  track::insert_mapping(mapping);
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, 8192));
  ASSERT_NE(leak_of(snapshot, stack, Memory::mmap), nullptr);
  EXPECT_EQ(leak_of(snapshot, stack, Memory::mmap)->bytes, 8192U) << "a file's mapping is no leak";
  EXPECT_EQ(leak_of(snapshot, stack), nullptr);
  ASSERT_EQ(snapshot.large().size(), 1U);
  EXPECT_EQ(snapshot.large()[0].memory, Memory::mmap);
  track::mapping_table_clear();
}

TEST(Snapshot, ARecordWithAnImpossibleStackIsCountedAsUnknown) {
  LiveBlocks blocks;
  core::Guard guard;
  track::Block block;
  block.address = 0x30000000000;
  block.bytes = 5;
  block.stack = static_cast<core::StackId>(0xfffffff0);
  block.state = track::BlockState::live;
  block.tick = kFirstTick;
  track::insert_foreign_block(guard.token(), block);
  Snapshot snapshot;
  ASSERT_TRUE(snapshot.take(kFirstTick, UINT64_MAX));
  ASSERT_NE(leak_of(snapshot, core::StackId::unknown), nullptr);
  uintptr_t base = 0;
  track::remove_block(guard.token(), block.address, &block, &base);
}

TEST(PairSet, TellsNewFromKnown) {
  PairSet set;
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 1; i <= 20'000; ++i) ASSERT_EQ(set.insert(i << 32 | i), round == 0);
  }
}

}  // namespace
}  // namespace weir::report
