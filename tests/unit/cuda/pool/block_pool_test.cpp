// What an allocation does: hits, the quarantine, out of memory, and changes of the mode.
#include "cuda/pool/block_pool.h"

#include "pool_fixture.h"

namespace weir::cuda::pool {
namespace {

using test::PoolDriver;
using Is = PointerFacts::Is;

class BlockPoolTest : public PoolTest {
 protected:
  static void work(uint64_t context = kContext) { driver().contexts.at(context).is_working = true; }
  static void end_work(uint64_t context = kContext) { driver().contexts.at(context).is_working = false; }
};

TEST_F(BlockPoolTest, AHitMakesNoCall) {
  for (const Mode mode : {Mode::strict, Mode::deferred}) {
    start(mode);
    const Address block = make_idle(1, 5000)[0];
    synchronise(kContext);
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(allocate(5000), block);
      ASSERT_EQ(driver().calls_made(), Calls{});
      ASSERT_EQ(release(block), Result::success);
      synchronise(kContext);
      driver().calls_made();
    }
    EXPECT_EQ(of_device().hit_count, 100u);
    EXPECT_EQ(of_device().miss_count, 1u);
  }
}

TEST_F(BlockPoolTest, ABlockServesRequestsOfItsRoundedSizeOnly) {
  const Address block = make_idle(1, 5000)[0];  // of 5120 bytes
  EXPECT_NE(allocate(4608), block);
  EXPECT_NE(allocate(5121), block);
  EXPECT_EQ(allocate(4609), block);
}

TEST_F(BlockPoolTest, AMissTakesWhatTheBlockHas) {
  const Address first = allocate(3 * kMiB), second = allocate(5000);
  EXPECT_NE(first, second);
  EXPECT_EQ(of_device().live_bytes, 4 * kMiB + 5120);
  EXPECT_EQ(of_device().live_asked_bytes, 3 * kMiB + 5000);
  EXPECT_EQ(driver().total_bytes - driver().free_bytes, of_device().live_bytes);
}

TEST_F(BlockPoolTest, NothingAndTooMuchAreTheDrivers) {
  allocate(0);
  EXPECT_TRUE(was_passed_);
  EXPECT_EQ(allocate(UINT64_MAX), 0u);
  EXPECT_TRUE(was_passed_);
}

TEST_F(BlockPoolTest, AnotherLibraryBeforeTheDriverTurnsThePoolOff) {
  const Address block = make_idle(1, 4096)[0];
  Call call = call_of(Entry::cuMemAlloc_v2);
  call.real = driver_function(Entry::cuMemFree_v2);  // not the function that the entry has in the driver
  Given given;
  EXPECT_EQ(allocate_device(call, 4096, &given), Result::success);
  EXPECT_TRUE(given.is_passed);
  ASSERT_NE(limitation(), nullptr);
  EXPECT_NE(std::string(limitation()).find("another library"), std::string::npos);
  EXPECT_NE(allocate(4096), block);
  EXPECT_TRUE(was_passed_);
}

// ---- The quarantine ----

TEST_F(BlockPoolTest, OneEventCoversManyFreesAndIsRecordedOnlyWhenOneIsWanted) {
  start(Mode::deferred);
  const std::vector<Address> blocks = allocate_many(10, 4096);
  work();
  driver().calls_made();
  release_all(blocks);
  EXPECT_EQ(driver().calls_made(), Calls{});

  const Address fresh = allocate(4096);
  EXPECT_EQ(std::count(blocks.begin(), blocks.end(), fresh), 0) << "handed out while work is queued";
  EXPECT_EQ(driver().calls_made(),
            (Calls{{"cuEventCreate", 1}, {"cuCtxRecordEvent", 1}, {"cuEventQuery", 1}, {"cuMemAlloc_v2", 1}}));
  allocate(4096);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuEventQuery", 1}, {"cuMemAlloc_v2", 1}})) << "it is recorded already";

  end_work();
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_NE(std::find(blocks.begin(), blocks.end(), allocate(4096)), blocks.end());
  }
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuEventQuery", 1}})) << "once for all of them";
}

TEST_F(BlockPoolTest, OneSmallBlockIsNotAskedAboutButALargeOneIs) {
  start(Mode::deferred);
  make_idle(1, 4096);
  allocate(4096);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAlloc_v2", 1}}));
  const Address large = make_idle(1, kDeviceBytes / 128)[0];
  EXPECT_EQ(allocate(kDeviceBytes / 128), large);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuEventCreate", 1}, {"cuCtxRecordEvent", 1}, {"cuEventQuery", 1}}));
}

TEST_F(BlockPoolTest, WhereMuchIsInQuarantineARequestWaits) {
  start(Mode::deferred);
  const std::vector<Address> blocks = allocate_many(4, kDeviceBytes / 64);
  work();
  release_all(blocks);
  driver().calls_made();
  EXPECT_EQ(allocate(kDeviceBytes / 64), blocks[3]);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuEventCreate", 1}, {"cuCtxRecordEvent", 1}, {"cuEventSynchronize", 1}}));
}

TEST_F(BlockPoolTest, ASynchroniseOfTheProgramsEndsTheQuarantineAtNoCost) {
  start(Mode::deferred);
  const std::vector<Address> blocks = allocate_many(3, 4096);
  work();
  release_all(blocks);
  synchronise(kContext);
  driver().calls_made();
  EXPECT_EQ(allocate(4096), blocks[2]);
  EXPECT_EQ(driver().calls_made(), Calls{});
}

TEST_F(BlockPoolTest, ABlockWaitsForTheWorkOfEveryContext) {
  start(Mode::deferred);
  const std::vector<Address> blocks = allocate_many(4, 4096);
  enter(kOther);
  allocate(8192);  // makes the context known
  enter(kContext);
  work(kOther);
  release_all(blocks);
  synchronise(kContext);
  const Address fresh = allocate(4096);
  EXPECT_EQ(std::count(blocks.begin(), blocks.end(), fresh), 0) << "another context's work is queued";
  end_work(kOther);
  EXPECT_EQ(allocate(4096), blocks[3]);
  EXPECT_EQ(driver().current, kContext) << "another context was left current";
}

TEST_F(BlockPoolTest, AnEventRecordedBeforeAFreeDoesNotCoverIt) {
  start(Mode::deferred);
  const std::vector<Address> blocks = allocate_many(2, 4096), later = allocate_many(2, 8192);
  release_all(blocks);
  EXPECT_NE(allocate(4096), 0u);  // records an event with no work before it
  work();
  release_all(later);
  const Address fresh = allocate(8192);
  EXPECT_EQ(std::count(later.begin(), later.end(), fresh), 0);
}

TEST_F(BlockPoolTest, EventsAreFewHoweverOftenIsAsked) {
  start(Mode::deferred);
  work();
  for (uint64_t round = 1; round <= 50; ++round) {
    release_all(allocate_many(2, 512 * round));
    allocate(512 * round);
  }
  EXPECT_LE(driver().event_count(), kMostRecordedEvents);
  EXPECT_EQ(of_device().hit_count, 0u);
  end_work();
  for (uint64_t round = 1; round <= 50; ++round) allocate(512 * round);
  EXPECT_EQ(of_device().hit_count, 50u);
  EXPECT_LE(driver().event_count(), kMostRecordedEvents);
}

TEST_F(BlockPoolTest, WhereNoEventCanBeHadTheDriverServes) {
  for (const char* call : {"cuEventCreate", "cuCtxRecordEvent", "cuEventQuery"}) {
    start(Mode::deferred);
    const std::vector<Address> blocks = make_idle(3, 4096);
    driver().always(call, Result::not_supported);
    const Address fresh = allocate(4096);
    EXPECT_EQ(std::count(blocks.begin(), blocks.end(), fresh), 0) << call;
    driver().allow_again();
    EXPECT_EQ(allocate(4096), blocks[2]) << call;
  }
}

TEST_F(BlockPoolTest, AStickyErrorMetByAQueryTakesTheContextOut) {
  start(Mode::deferred);
  make_idle(3, 4096);
  driver().script("cuEventQuery", {PoolDriver::kIllegal});
  allocate(4096);
  EXPECT_FALSE(was_passed_);
  allocate(4096);
  EXPECT_TRUE(was_passed_);
}

// ---- Out of memory ----

TEST_F(BlockPoolTest, OutOfMemoryGivesEverythingIdleBackAndTriesAgain) {
  start({}, 16 * kMiB);
  const std::vector<Address> idle = make_idle(4, 4 * kMiB);
  EXPECT_NE(allocate(16 * kMiB), 0u);
  EXPECT_EQ(driver().calls_made(),
            (Calls{{"cuMemAlloc_v2", 2}, {"cuMemFree_v2", 4}, {"cuThreadExchangeStreamCaptureMode", 2}}));
  for (const Address block : idle) EXPECT_FALSE(driver().owns(block));
  const Figures figures = of_device();
  EXPECT_EQ(figures.flush_count, 1u);
  EXPECT_EQ(figures.flushed_bytes, 16 * kMiB);
  EXPECT_EQ(figures.retry_count, 1u);
  EXPECT_EQ(figures.retry_saved_count, 1u);
  EXPECT_EQ(figures.cached_bytes, 0u);
}

TEST_F(BlockPoolTest, WithNothingIdleOutOfMemoryIsReturnedAtOnce) {
  start({}, 16 * kMiB);
  const Address live = allocate(4 * kMiB);
  driver().calls_made();
  EXPECT_EQ(allocate(16 * kMiB), 0u);
  EXPECT_EQ(last_result_, Result::out_of_memory);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAlloc_v2", 1}}));
  EXPECT_TRUE(driver().owns(live));
}

TEST_F(BlockPoolTest, ATryForEachTimeThatSomethingCameBackAndNoMore) {
  start({}, 64 * kMiB);
  make_idle(3, 4 * kMiB);
  driver().script("cuMemAlloc_v2", std::deque<Result>(100, Result::out_of_memory));
  EXPECT_EQ(allocate(2 * kMiB), 0u);
  EXPECT_EQ(driver().calls_made(),
            (Calls{{"cuMemAlloc_v2", 2}, {"cuMemFree_v2", 3}, {"cuThreadExchangeStreamCaptureMode", 2}}));
}

TEST_F(BlockPoolTest, TheLastBytesOfADeviceAreServedWithoutRounding) {
  // A driver whose granule is smaller than a block's would have room for just what is asked for.
  driver().script("cuMemAlloc_v2", {Result::out_of_memory});
  const Address block = allocate(3 * kMiB);
  EXPECT_NE(block, 0u);
  EXPECT_EQ(of_device().passed_count, 1u);
  EXPECT_EQ(state_of(block), Is::unknown);
  EXPECT_EQ(release(block), Result::success);
  EXPECT_TRUE(was_passed_);
  EXPECT_FALSE(driver().owns(block));
}

TEST_F(BlockPoolTest, IdlePinnedMemoryGoesBackToo) {
  start({.most_pinned_bytes = kGiB}, 16 * kMiB);
  EXPECT_EQ(release_host(allocate_host(8 * kMiB)), Result::success);
  EXPECT_NE(allocate(16 * kMiB), 0u);
  EXPECT_EQ(of_pinned().cached_bytes, 0u);
}

TEST_F(BlockPoolTest, WhatIsNotOutOfMemoryIsNotTriedAgain) {
  make_idle(2, 4096);
  driver().script("cuMemAlloc_v2", {PoolDriver::kUnknown});
  EXPECT_EQ(allocate(8192), 0u);
  EXPECT_EQ(last_result_, PoolDriver::kUnknown);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAlloc_v2", 1}}));
  EXPECT_EQ(of_device().cached_count, 2u);
}

// ---- The mode changes ----

TEST_F(BlockPoolTest, TurnedOffBlocksStayValidAndIdleOnesGoAtATrim) {
  const Address idle = make_idle(1, 4096)[0], live = allocate(8192);
  set_mode(Mode::off);
  EXPECT_NE(allocate(4096), idle);
  EXPECT_TRUE(was_passed_);
  EXPECT_EQ(state_of(live), Is::live);
  EXPECT_EQ(release(live), Result::success);
  EXPECT_FALSE(driver().owns(live));
  EXPECT_EQ(release(idle), Result::invalid_value) << "it was freed before";
  EXPECT_TRUE(driver().owns(idle));
  EXPECT_EQ(trim(0), 4096u);
  EXPECT_FALSE(driver().owns(idle));
  set_mode(Mode::strict);
  const Address block = make_idle(1, 4096)[0];
  EXPECT_EQ(allocate(4096), block);
}

TEST_F(BlockPoolTest, FromDeferredToStrictTheQuarantineHolds) {
  start(Mode::deferred);
  const std::vector<Address> blocks = allocate_many(4, 4096);
  work();
  release_all(blocks);
  set_mode(Mode::strict);
  const Address fresh = allocate(4096);
  EXPECT_EQ(std::count(blocks.begin(), blocks.end(), fresh), 0);
  EXPECT_EQ(release(fresh), Result::success);  // waits, and so for the work before the others' frees
  EXPECT_EQ(of_device().quarantined_count, 0u);
  EXPECT_EQ(allocate(4096), fresh);
}

TEST_F(BlockPoolTest, ATrimKeepsWhatIsAskedForOfEachPoolTheLatestIdle) {
  const std::vector<Address> blocks = make_idle(4, 4 * kMiB);
  EXPECT_EQ(trim(9 * kMiB), 8 * kMiB);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemFree_v2", 2}, {"cuThreadExchangeStreamCaptureMode", 2}}));
  EXPECT_FALSE(driver().owns(blocks[0]));
  EXPECT_FALSE(driver().owns(blocks[1]));
  EXPECT_TRUE(driver().owns(blocks[3]));
  EXPECT_EQ(of_device().trim_count, 1u);
  EXPECT_EQ(of_device().trimmed_bytes, 8 * kMiB);
}

TEST_F(BlockPoolTest, IdleMemoryOfAnotherContextIsFreedInThatContext) {
  make_idle(1, 4096);
  enter(kOther);
  uint64_t freed_in = 0;
  driver().during_calls = [&](const std::string& call) {
    if (call == "cuMemFree_v2") freed_in = driver().current;
  };
  EXPECT_EQ(trim(0), 4096u);
  EXPECT_EQ(freed_in, kContext);
  EXPECT_EQ(driver().current, kOther);
}

TEST_F(BlockPoolTest, AForkedChildHasNothing) {
  const Address idle = make_idle(1, 4096)[0], live = allocate(8192);
  driver().calls_made();
  reset_after_fork();
  EXPECT_EQ(trim(0), 0u);
  EXPECT_EQ(state_of(idle), Is::unknown);
  EXPECT_EQ(state_of(live), Is::unknown);
  EXPECT_EQ(driver().calls_made(), Calls{});
  EXPECT_NE(allocate(4096), idle);
}

}  // namespace
}  // namespace weir::cuda::pool
