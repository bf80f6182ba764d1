// The limits that options set: what is given back when, and what is taken ahead.
#include "cuda/pool/upkeep.h"

#include <time.h>

#include "pool_fixture.h"

namespace weir::cuda::pool {
namespace {

using Is = PointerFacts::Is;

class UpkeepTest : public PoolTest {
 protected:
  static void sleep_ns(long ns) {
    const timespec time{0, ns};
    nanosleep(&time, nullptr);
  }
};

TEST_F(UpkeepTest, BeyondTheMostIdleBytesTheLongestIdleGoesBack) {
  start({.most_idle = {.bytes = 8 * kMiB}});
  const std::vector<Address> blocks = make_idle(3, 4 * kMiB);
  EXPECT_FALSE(driver().owns(blocks[0]));
  EXPECT_EQ(of_device().cached_bytes, 8 * kMiB);
  EXPECT_EQ(of_device().trimmed_bytes, 4 * kMiB);
}

TEST_F(UpkeepTest, ALimitOfBytesAndAShareIsTheSmaller) {
  start({.most_idle = {.bytes = 100 * kMiB, .share = 8.0 * kMiB / kDeviceBytes}});
  make_idle(5, 4 * kMiB);
  EXPECT_EQ(of_device().cached_bytes, 8 * kMiB);
  start({.most_idle = {.bytes = 4 * kMiB, .share = 0.5}});
  make_idle(5, 4 * kMiB);
  EXPECT_EQ(of_device().cached_bytes, 4 * kMiB);
}

TEST_F(UpkeepTest, BeyondTheMostBytesTheDriverServes) {
  start({.most = {.bytes = 12 * kMiB}});
  const std::vector<Address> blocks = allocate_many(3, 4 * kMiB);
  const Address beyond = allocate(4 * kMiB);
  EXPECT_TRUE(was_passed_);
  EXPECT_EQ(of_device().passed_count, 1u);
  EXPECT_EQ(state_of(beyond), Is::unknown);
  EXPECT_EQ(of_device().live_bytes, 12 * kMiB);
  EXPECT_EQ(release(beyond), Result::success);
  EXPECT_FALSE(driver().owns(beyond));
  EXPECT_EQ(release(blocks[0]), Result::success);
  EXPECT_EQ(allocate(4 * kMiB), blocks[0]) << "what it has it may hand out";
}

TEST_F(UpkeepTest, BelowTheMostBytesIdleMemoryMakesRoom) {
  start({.most = {.bytes = 12 * kMiB}});
  const std::vector<Address> idle = make_idle(3, 4 * kMiB);
  allocate(6 * kMiB);
  EXPECT_FALSE(was_passed_);
  EXPECT_EQ(driver().calls_made(),
            (Calls{{"cuMemAlloc_v2", 1}, {"cuMemFree_v2", 2}, {"cuThreadExchangeStreamCaptureMode", 2}}))
      << "no more than is needed";
  EXPECT_LE(of_device().reserved_bytes(), 12 * kMiB);
  EXPECT_LE(of_device().peak_reserved_bytes, 12 * kMiB);
}

TEST_F(UpkeepTest, AShareHoldsFromTheFirstAllocationOn) {
  start_without_asking({.most = {.share = 0.25}});
  allocate(kDeviceBytes / 2);
  EXPECT_TRUE(was_passed_);
}

TEST_F(UpkeepTest, WhatIsIdleForLongGoesBackAtALaterCall) {
  start({.idle_ns = 5'000'000});
  const Address old = make_idle(1, 4096)[0];
  sleep_ns(20'000'000);
  const Address fresh = make_idle(1, 8192)[0];
  EXPECT_FALSE(driver().owns(old));
  EXPECT_TRUE(driver().owns(fresh));
  sleep_ns(20'000'000);
  EXPECT_EQ(allocate(8192), fresh) << "a hit";
  allocate(512);
  EXPECT_TRUE(driver().owns(fresh)) << "it is live";
}

TEST_F(UpkeepTest, UnderPressureEverythingIdleGoesBackBeforeMoreIsTaken) {
  start({.trim_above = 0.5}, 64 * kMiB);
  const std::vector<Address> idle = make_idle(8, 4 * kMiB);
  allocate(512);
  EXPECT_EQ(of_device().cached_count, 8u) << "half is in use, not more";
  allocate(1024);
  EXPECT_EQ(of_device().cached_count, 0u);
  for (const Address block : idle) EXPECT_FALSE(driver().owns(block));
}

TEST_F(UpkeepTest, PinnedMemoryHasALimitOfItsOwn) {
  start({.most_pinned_bytes = 8192});
  const Address first = allocate_host(4096), second = allocate_host(4096), third = allocate_host(4096);
  for (const Address block : {first, second, third}) EXPECT_EQ(release_host(block), Result::success);
  EXPECT_FALSE(driver().owns(first));
  EXPECT_EQ(of_pinned().cached_bytes, 8192u);
  start({.most_pinned_bytes = 0});
  EXPECT_EQ(release_host(allocate_host(4096)), Result::success);
  EXPECT_EQ(of_pinned().cached_bytes, 0u);
}

TEST_F(UpkeepTest, BlocksAreReadyFromTheStartByTheirCounts) {
  Settings settings{};
  settings.prewarm[0] = {kMiB, 3};
  settings.prewarm[1] = {16 * kMiB, 2};
  settings.prewarm_count = 2;
  start(settings);
  allocate(512);
  EXPECT_EQ(driver().calls_made()["cuMemAlloc_v2"], 6u);
  EXPECT_EQ(of_device().prewarmed_count, 5u);
  EXPECT_EQ(of_device().prewarmed_bytes, 35 * kMiB);
  allocate_many(3, kMiB);
  allocate_many(2, 16 * kMiB);
  EXPECT_EQ(driver().calls_made(), Calls{});
  allocate(kMiB);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAlloc_v2", 1}})) << "once only";
}

TEST_F(UpkeepTest, BlocksAreReadyFromTheStartByEqualShares) {
  Settings settings{};
  settings.prewarm[0] = {kMiB, 0};
  settings.prewarm[1] = {4 * kMiB, 0};
  settings.prewarm_count = 2;
  settings.prewarm_share = 0.5;
  start_without_asking(settings, 64 * kMiB);
  allocate(512);
  EXPECT_EQ(of_device().prewarmed_count, 16u + 4u);
  EXPECT_EQ(of_device().prewarmed_bytes, 32 * kMiB);
}

TEST_F(UpkeepTest, InitialBytesAreTakenAtTheFirstAllocationOfEachContext) {
  start({.initial_bytes = 8 * kMiB});
  EXPECT_EQ(of_device().prewarmed_bytes, 0u);
  allocate(512);
  EXPECT_EQ(of_device().prewarmed_bytes, 8 * kMiB);
  enter(kOther);
  allocate(512);
  EXPECT_EQ(of_device().prewarmed_bytes, 16 * kMiB);
}

TEST_F(UpkeepTest, WhereTheDriverHasNoMorePrewarmingEnds) {
  start({.initial_bytes = kGiB}, 16 * kMiB);
  EXPECT_NE(allocate(512), 0u);
  EXPECT_EQ(last_result_, Result::success);
  EXPECT_EQ(of_device().prewarmed_bytes, 14 * kMiB);
}

// ---- A driver that refuses to have memory back ----

TEST_F(UpkeepTest, WhatIsRefusedIsIdleAsBefore) {
  const std::vector<Address> blocks = make_idle(3, 4096);
  driver().always("cuMemFree_v2", test::PoolDriver::kUnknown);
  EXPECT_EQ(trim(0), 0u);
  EXPECT_EQ(of_device().cached_count, 3u);
  driver().allow_again();
  EXPECT_EQ(allocate(4096), blocks[2]);
}

TEST_F(UpkeepTest, OneThatIsRefusedDoesNotKeepTheOthers) {
  const std::vector<Address> blocks = make_idle(4, 4096);
  driver().script("cuMemFree_v2", {test::PoolDriver::kUnknown});
  EXPECT_EQ(trim(0), 3 * 4096u);
  EXPECT_TRUE(driver().owns(blocks[0]));
}

// The first that was refused is taken by another thread meanwhile: no sign any more that all were tried.
TEST_F(UpkeepTest, ATrimEndsWhereEverythingIsRefused) {
  make_idle(4, 4096);
  int calls = 0;
  driver().always("cuMemFree_v2", test::PoolDriver::kUnknown);
  driver().during_calls = [&](const std::string& call) {
    if (call == "cuMemFree_v2" && ++calls == 2) {
      driver().during_calls = nullptr;
      allocate(4096);
      allocate(4096);
      allocate(4096);
    }
    ASSERT_LT(calls, 100);
  };
  EXPECT_EQ(trim(0), 0u);
  EXPECT_LT(driver().calls_made()["cuMemFree_v2"], 10u);
}

}  // namespace
}  // namespace weir::cuda::pool
