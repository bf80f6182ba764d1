#include "cuda/pool/vmm_segments.h"

#include <thread>
#include <vector>

#include "vmm_segments_fixture.h"

namespace weir::cuda::pool {
namespace {

TEST_F(VmmSegmentsTest, SizesAreRoundedAsTheDriverRoundsThem) {
  struct Case {
    uint64_t asked, taken;
  };
  for (const auto& [asked, taken] : {Case{1, 512}, Case{512, 512}, Case{513, 1024}, Case{kMiB, kMiB},
                                     Case{kMiB + 1, 2 * kMiB}, Case{5 * kMiB, 6 * kMiB}}) {
    const Address address = allocate(asked);
    SegmentBlock block;
    ASSERT_TRUE(segments_.find(address, &block));
    EXPECT_EQ(block.address, address);
    EXPECT_EQ(block.bytes, asked);
    EXPECT_EQ(block.taken_bytes, taken);
  }
}

TEST_F(VmmSegmentsTest, AnInteriorAddressIsItsBlocks) {
  const Address block = allocate(3 * kMiB);
  SegmentBlock found;
  ASSERT_TRUE(segments_.find(block + 3 * kMiB - 1, &found));
  EXPECT_EQ(found.address, block);
  EXPECT_FALSE(segments_.find(block + 4 * kMiB, &found));
  EXPECT_FALSE(segments_.release(block + 512)) << "an interior address frees nothing";
  EXPECT_TRUE(segments_.holds(block + 4 * kMiB));
  EXPECT_FALSE(segments_.holds(block - 1));
  EXPECT_TRUE(segments_.release(block));
  EXPECT_FALSE(segments_.release(block)) << "nor does a second free";
  EXPECT_FALSE(segments_.find(block, &found));
}

TEST_F(VmmSegmentsTest, AHitCallsNoDriver) {
  const Address large = allocate(8 * kMiB), small = allocate(1000);
  ASSERT_TRUE(segments_.release(large));
  ASSERT_TRUE(segments_.release(small));
  const uint64_t before = driver().all_calls();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(allocate(8 * kMiB), large);
    ASSERT_EQ(allocate(1000), small);
    ASSERT_TRUE(segments_.release(large));
    ASSERT_TRUE(segments_.release(small));
  }
  EXPECT_EQ(driver().all_calls(), before);
  EXPECT_EQ(segments_.figures().hit_count, 2000u);
}

TEST_F(VmmSegmentsTest, ALargeRangeIsSplitAndJoinsAgain) {
  const Address whole = allocate(16 * kMiB);
  ASSERT_TRUE(segments_.release(whole));
  const uint64_t before = driver().all_calls();
  const Address first = allocate(4 * kMiB), second = allocate(12 * kMiB);
  EXPECT_EQ(first, whole);
  EXPECT_EQ(second, whole + 4 * kMiB);
  ASSERT_TRUE(segments_.release(second));
  ASSERT_TRUE(segments_.release(first));
  EXPECT_EQ(allocate(16 * kMiB), whole);
  EXPECT_EQ(driver().all_calls(), before);
}

TEST_F(VmmSegmentsTest, AFreeRangeGrowsIntoTheHoleBehindIt) {
  const Address block = allocate(8 * kMiB);
  ASSERT_TRUE(segments_.release(block));
  EXPECT_EQ(allocate(12 * kMiB), block);
  EXPECT_EQ(driver().calls("unmap"), 0u);
  EXPECT_EQ(driver().calls("create"), 6u);
}

TEST_F(VmmSegmentsTest, CompactionGivesBackWhatLiesBetweenLiveBlocks) {
  const std::vector<Address> kept = fragment(4 * kMiB);
  EXPECT_EQ(driver().free_bytes(), 0u);
  EXPECT_EQ(segments_.figures().largest_free_bytes, 4 * kMiB);
  EXPECT_EQ(segments_.compact(), kDeviceBytes / 2);
  EXPECT_EQ(driver().free_bytes(), kDeviceBytes / 2);
  EXPECT_EQ(segments_.figures().free_bytes, 0u);
  EXPECT_EQ(segments_.figures().compaction_count, 1u);
  EXPECT_EQ(segments_.compact(), 0u);
  expect_contents(kept);
}

TEST_F(VmmSegmentsTest, ALargeBlockIsMadeOfScatteredChunks) {
  const std::vector<Address> kept = fragment(2 * kMiB);
  const uint64_t created = driver().calls("create");
  const Address large = allocate(kDeviceBytes / 2);
  EXPECT_EQ(driver().calls("create"), created) << "the device had nothing left";
  for (uint64_t offset = 0; offset < kDeviceBytes / 2; offset += kGranule) {
    EXPECT_TRUE(driver().write(large + offset, offset));
  }
  expect_contents(kept);
  const SegmentFigures figures = segments_.figures();
  EXPECT_EQ(figures.remap_count, 1u);
  EXPECT_EQ(figures.chunks.moved_count, kDeviceBytes / 2 / kGranule);
  EXPECT_EQ(figures.mapped_bytes, kDeviceBytes);
  EXPECT_EQ(figures.live_bytes, kDeviceBytes);
  Address more;
  EXPECT_EQ(segments_.allocate(2 * kMiB, &more), Result::out_of_memory) << "no byte more than the device has";
  EXPECT_TRUE(segments_.release(kept[3]));
  EXPECT_EQ(segments_.allocate(2 * kMiB, &more), Result::success);
}

TEST_F(VmmSegmentsTest, TrimKeepsTheLargestRanges) {
  const Address small = allocate(2 * kMiB);
  const Address fence = allocate(2 * kMiB);
  const Address large = allocate(32 * kMiB);
  const Address end = allocate(2 * kMiB);
  ASSERT_TRUE(segments_.release(small));
  ASSERT_TRUE(segments_.release(large));
  EXPECT_EQ(segments_.trim(32 * kMiB), 2 * kMiB);
  EXPECT_EQ(segments_.figures().largest_free_bytes, 32 * kMiB);
  EXPECT_EQ(segments_.trim(32 * kMiB), 0u);
  EXPECT_EQ(segments_.trim(31 * kMiB), 2 * kMiB);
  EXPECT_EQ(segments_.figures().free_bytes, 30 * kMiB);
  EXPECT_TRUE(segments_.release(fence) && segments_.release(end));
}

TEST_F(VmmSegmentsTest, AChunkWithASmallLiveBlockStays) {
  std::vector<Address> blocks;
  for (uint64_t i = 0; i < 8 * kGranule / (64 << 10); ++i) blocks.push_back(allocate(64 << 10));
  ASSERT_EQ(segments_.figures().mapped_bytes, 8 * kGranule);
  const Address kept = blocks[5];
  EXPECT_TRUE(driver().write(kept, 77));
  for (const Address block : blocks) {
    if (block == kept) continue;
    ASSERT_TRUE(segments_.release(block));
  }
  EXPECT_EQ(segments_.compact(), 7 * kGranule);
  EXPECT_TRUE(driver().holds(kept, 77));
  EXPECT_EQ(segments_.figures().free_bytes, kGranule - (64 << 10));
}

TEST_F(VmmSegmentsTest, OutOfMemoryIsTheDriversAndChangesNothing) {
  const Address block = allocate(8 * kMiB);
  ASSERT_TRUE(segments_.release(block));
  Address address;
  for (const char* call : {"create", "map", "set access"}) {
    for (const Result result : {Result::out_of_memory, Result::deinitialized}) {
      driver().refuse(call, 2, result);
      EXPECT_EQ(segments_.allocate(100 * kMiB, &address), call == std::string("set access") ? Result::success : result);
      if (call == std::string("set access")) {
        ASSERT_TRUE(segments_.release(address));
        segments_.trim(0);
        EXPECT_EQ(segments_.allocate(100 * kMiB, &address), result);
      }
      driver().allow_again();
      EXPECT_EQ(segments_.figures().live_bytes, 0u);
      EXPECT_EQ(segments_.figures().moving_bytes, 0u);
    }
  }
  EXPECT_EQ(segments_.allocate(kDeviceBytes, &address), Result::success);
}

TEST_F(VmmSegmentsTest, WhatTheDriverRefusesToUnmapIsNotHandedOutWithoutAccess) {
  const std::vector<Address> kept = fragment(2 * kMiB);
  Address address;
  driver().refuse("unmap", 20, Result::deinitialized);  // some of the chunks have moved
  EXPECT_EQ(segments_.allocate(64 * kMiB, &address), Result::deinitialized);
  expect_contents(kept);
  driver().refuse("set access", 1, Result::deinitialized);  // all have
  driver().refuse("unmap", 64 * kMiB / kGranule + 3, Result::deinitialized);
  EXPECT_EQ(segments_.allocate(64 * kMiB, &address), Result::deinitialized);
  EXPECT_EQ(segments_.figures().moving_bytes, kGranule);
  for (;;) {
    if (segments_.allocate(2 * kMiB, &address) != Result::success) break;
    ASSERT_TRUE(driver().write(address, 1)) << "without access";
  }
  expect_contents(kept);
}

TEST_F(VmmSegmentsTest, NoSizeOverflows) {
  Address address;
  EXPECT_EQ(segments_.allocate(0, &address), Result::invalid_value);
  const uint64_t before = driver().all_calls();
  for (const uint64_t bytes :
       {kDeviceBytes + 1, UINT64_MAX, UINT64_MAX - 511, UINT64_MAX - kGranule, uint64_t{1} << 63}) {
    EXPECT_EQ(segments_.allocate(bytes, &address), Result::out_of_memory);
  }
  EXPECT_EQ(driver().all_calls(), before);
}

TEST_F(VmmSegmentsTest, PeersMayAccessWhatIsMappedAndWhatWillBe) {
  const Address early = allocate(4 * kMiB), early_small = allocate(100);
  EXPECT_FALSE(driver().may_access(early, 3));
  ASSERT_EQ(segments_.set_access(3, true), Result::success);
  const Address late = allocate(64 * kMiB);
  for (const Address address : {early, early + 4 * kMiB - 1, early_small, late, late + 64 * kMiB - 1}) {
    EXPECT_TRUE(driver().may_access(address, 3));
  }
  ASSERT_TRUE(segments_.release(late));
  ASSERT_EQ(segments_.set_access(3, false), Result::success);
  for (const Address address : {early, early_small, late}) {
    EXPECT_FALSE(driver().may_access(address, 3));
    EXPECT_TRUE(driver().may_access(address, 0));
  }
  driver().refuse("set access", 1, Result::invalid_value);
  EXPECT_EQ(segments_.set_access(4, true), Result::invalid_value);
  EXPECT_FALSE(driver().may_access(allocate(128 * kMiB) + 128 * kMiB - 1, 4));
  EXPECT_EQ(segments_.set_access(kMostDevices, true), Result::not_supported);
}

TEST_F(VmmSegmentsTest, AccessThatChangesWhileMemoryMovesIsCorrected) {
  const Address prefix = allocate(4 * kMiB);
  ASSERT_TRUE(segments_.release(prefix));
  bool was_called = false;
  driver().during_calls = [&](const std::string& call) {
    if (call != "set access" || std::exchange(was_called, true)) return;
    EXPECT_EQ(segments_.set_access(2, true), Result::success);
  };
  const Address block = allocate(16 * kMiB);
  EXPECT_EQ(block, prefix);
  EXPECT_TRUE(was_called);
  for (uint64_t offset = 0; offset < 16 * kMiB; offset += kGranule) EXPECT_TRUE(driver().may_access(block + offset, 2));
}

TEST_F(VmmSegmentsTest, MemoryWhoseAccessIsBeingSetDoesNotMove) {
  const Address idle = allocate(8 * kMiB), live = allocate(8 * kMiB);
  ASSERT_TRUE(segments_.release(idle));
  Address meanwhile = 0;
  driver().during_calls = [&](const std::string& call) {
    if (call != "set access" || meanwhile != 0) return;
    meanwhile = idle;
    EXPECT_EQ(segments_.compact(), 0u);
    EXPECT_EQ(segments_.allocate(4 * kMiB, &meanwhile), Result::success) << "but it may be handed out";
    EXPECT_EQ(driver().calls("unmap"), 0u);
  };
  ASSERT_EQ(segments_.set_access(1, true), Result::success);
  EXPECT_EQ(meanwhile, idle);
  for (const Address address : {meanwhile, live}) EXPECT_TRUE(driver().may_access(address, 1));
  EXPECT_EQ(segments_.compact(), 4 * kMiB);
}

TEST_F(VmmSegmentsTest, WhatAnotherThreadIsGivingBackIsWaitedFor) {
  const Address block = allocate(kDeviceBytes);
  ASSERT_TRUE(segments_.release(block));
  std::thread other;
  Result result = Result::not_found;
  driver().during_calls = [&](const std::string& call) {
    if (call != "release" || other.joinable()) return;
    const uint64_t created = driver().calls("create");
    other = std::thread([&] {
      Address address;
      result = segments_.allocate(kDeviceBytes, &address);
    });
    while (driver().calls("create") == created) std::this_thread::yield();  // it has been refused
  };
  EXPECT_EQ(segments_.trim(0), kDeviceBytes);
  other.join();
  EXPECT_EQ(result, Result::success);
}

// A foreign library before the driver, or another thread, calls Weir while the driver runs.
TEST_F(VmmSegmentsTest, TheDriverMayCallBack) {
  uint64_t depth = 0;
  std::vector<Address> made;
  driver().during_calls = [&](const std::string&) {
    if (depth != 0 || made.size() > 20) return;
    ++depth;
    Address address;
    if (segments_.allocate(2 * kMiB, &address) == Result::success) made.push_back(address);
    SegmentBlock block;
    EXPECT_EQ(made.empty(), !segments_.find(address, &block));
    segments_.figures();
    --depth;
  };
  const Address block = allocate(10 * kMiB);
  EXPECT_FALSE(made.empty());
  for (const Address other : made) EXPECT_TRUE(other + 2 * kMiB <= block || other >= block + 10 * kMiB);
  ASSERT_TRUE(segments_.release(block));
  segments_.compact();
  for (const Address other : made) EXPECT_TRUE(segments_.release(other));
}

TEST_F(VmmSegmentsTest, AnEndWhileMemoryMovesComesAfterIt) {
  driver().during_calls = [&](const std::string& call) {
    if (call == "map") segments_.close();
  };
  Address address;
  segments_.allocate(4 * kMiB, &address);
  EXPECT_EQ(driver().memory_count(), 0u);
  EXPECT_EQ(driver().reservation_count(), 0u);
  EXPECT_EQ(segments_.allocate(4 * kMiB, &address), Result::not_supported);
  driver().during_calls = nullptr;
  EXPECT_EQ(segments_.open(0, kDeviceBytes), Result::success) << "for the next context";
  allocate(4 * kMiB);
}

TEST_F(VmmSegmentsTest, WithoutOneOfTheFunctionsThereAreNoSegments) {
  for (const char* name : {"cuMemGetAllocationGranularity", "cuMemCreate", "cuMemRelease", "cuMemAddressReserve",
                           "cuMemAddressFree", "cuMemMap", "cuMemUnmap", "cuMemSetAccess"}) {
    driver().reset(kDeviceBytes, name);
    VmmSegments segments;
    EXPECT_EQ(segments.open(0, kDeviceBytes), Result::not_supported) << name;
    Address address;
    EXPECT_EQ(segments.allocate(1, &address), Result::not_supported);
    EXPECT_FALSE(segments.release(1));
    EXPECT_EQ(segments.trim(0), 0u);
  }
}

}  // namespace
}  // namespace weir::cuda::pool
