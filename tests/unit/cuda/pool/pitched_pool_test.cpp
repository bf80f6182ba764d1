// Pitched memory: what is learned of the driver's answers, and which blocks serve which requests.
#include "cuda/pool/pitched_pool.h"

#include "pool_fixture.h"

namespace weir::cuda::pool {
namespace {

using Is = PointerFacts::Is;

class PitchedPoolTest : public PoolTest {
 protected:
  static constexpr Rows kRows{1000, 10, 4};  // of 1024 bytes each

  // So that the pool knows what the driver says of these rows.
  void learn(const Rows& rows) {
    ASSERT_EQ(release(allocate_rows(rows)), Result::success);
    driver().calls_made();
  }
  // One idle block of these rows.
  Address make_idle_rows(const Rows& rows) {
    learn(rows);
    const Address block = allocate_rows(rows);
    EXPECT_EQ(release(block), Result::success);
    driver().calls_made();
    return block;
  }
};

TEST_F(PitchedPoolTest, TheFirstOfItsRowsIsTheDriversAndIsLearned) {
  const Address first = allocate_rows(kRows);
  EXPECT_TRUE(was_passed_);
  EXPECT_EQ(pitch_, 1024u);
  EXPECT_EQ(state_of(first), Is::unknown);
  EXPECT_EQ(of_device().passed_count, 1u);
  const Address second = allocate_rows(kRows);
  EXPECT_FALSE(was_passed_);
  EXPECT_EQ(pitch_, 1024u);
  EXPECT_EQ(state_of(second), Is::live);
  EXPECT_EQ(of_device().live_bytes, 10240u);
  EXPECT_EQ(driver().calls_made()["cuMemGetAddressRange_v2"], 1u) << "asked once";
  EXPECT_EQ(release(first), Result::success);
  EXPECT_FALSE(driver().owns(first));
}

TEST_F(PitchedPoolTest, AHitMakesNoCallAndGivesTheDriversPitch) {
  for (const Mode mode : {Mode::strict, Mode::deferred}) {
    start(mode);
    const Address block = make_idle_rows(kRows);
    synchronise(kContext);
    for (int i = 0; i < 100; ++i) {
      pitch_ = 0;
      ASSERT_EQ(allocate_rows(kRows), block);
      ASSERT_EQ(pitch_, 1024u);
      ASSERT_EQ(driver().calls_made(), Calls{});
      ASSERT_EQ(release(block), Result::success);
      synchronise(kContext);
      driver().calls_made();
    }
  }
}

TEST_F(PitchedPoolTest, ABlockServesRowsOfItsPitchAndSizeOnly) {
  const Address block = make_idle_rows(kRows);
  for (const Rows& other : {Rows{1000, 11, 4}, Rows{1025, 10, 4}, Rows{500, 20, 4}}) {
    learn(other);
    EXPECT_NE(allocate_rows(other), block) << other.width << "x" << other.height;
  }
  EXPECT_NE(allocate(10240), block) << "linear memory is apart";
  learn({1024, 10, 16});
  EXPECT_EQ(allocate_rows({1024, 10, 16}), block);
  EXPECT_EQ(pitch_, 1024u);
}

// All of these the driver takes one large granule for.
TEST_F(PitchedPoolTest, HeightsThatTheDriverRoundsToOneSizeAreApart) {
  const Address block = make_idle_rows({1000, 1500, 4});
  learn({1000, 1501, 4});
  EXPECT_NE(allocate_rows({1000, 1501, 4}), block) << "the driver would not let it reach beyond the block's rows";
  EXPECT_EQ(allocate_rows({1000, 1500, 4}), block);
}

TEST_F(PitchedPoolTest, SizesAreAsTheDriverTellsThem) {
  const Address block = make_idle_rows({1000, 1500, 4});
  EXPECT_EQ(of_device().cached_bytes, 2 * kMiB);
  EXPECT_EQ(allocate_rows({1000, 1500, 4}), block);
  EXPECT_EQ(facts_of(call_of(Entry::cuMemGetAddressRange_v2), block + 5).asked_bytes, 1500u * 1024);
  EXPECT_EQ(driver().total_bytes - driver().free_bytes, of_device().live_bytes);
}

TEST_F(PitchedPoolTest, WhatTheDriverRefusesIsNotLearned) {
  for (const Rows& wrong : {Rows{0, 10, 4}, Rows{1000, 0, 4}, Rows{1000, 10, 3}}) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(allocate_rows(wrong), 0u);
      EXPECT_TRUE(was_passed_);
      EXPECT_EQ(last_result_, Result::invalid_value);
    }
  }
}

TEST_F(PitchedPoolTest, WhereTheDriverSaysAnotherPitchTheMemoryIsItsOwn) {
  learn(kRows);
  driver().pitch_granule = 2048;
  const Address block = allocate_rows(kRows);
  EXPECT_NE(block, 0u);
  EXPECT_EQ(pitch_, 2048u);
  EXPECT_EQ(state_of(block), Is::unknown);
  EXPECT_EQ(release(block), Result::success);
  EXPECT_FALSE(driver().owns(block));
}

TEST_F(PitchedPoolTest, OutOfMemoryGivesEverythingIdleBackAndTriesAgain) {
  start({}, 16 * kMiB);
  const Rows large{kMiB, 16, 4};
  learn(large);
  const std::vector<Address> idle = make_idle(4, 4 * kMiB);
  const Address block = allocate_rows(large);
  EXPECT_NE(block, 0u);
  EXPECT_EQ(driver().calls_made(),
            (Calls{{"cuMemAllocPitch_v2", 2}, {"cuMemFree_v2", 4}, {"cuThreadExchangeStreamCaptureMode", 2}}));
  EXPECT_EQ(allocate_rows(large), 0u);
  EXPECT_EQ(last_result_, Result::out_of_memory);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAllocPitch_v2", 1}})) << "there is no smaller request";
}

TEST_F(PitchedPoolTest, IsGivenBackWhereLinearMemoryIsOut) {
  start({}, 16 * kMiB);
  const Address block = make_idle_rows({kMiB, 16, 4});
  EXPECT_NE(allocate(16 * kMiB), 0u);
  EXPECT_FALSE(driver().owns(block));
}

TEST_F(PitchedPoolTest, IsSecondOfManyRows) {
  const auto rows_of = [](uint64_t i) { return Rows{1 + i, 1 + i % 3, 4}; };
  for (uint64_t i = 0; i < 3000; ++i) learn(rows_of(i));
  for (uint64_t i = 0; i < 3000; ++i) {
    ASSERT_NE(allocate_rows(rows_of(i)), 0u);
    ASSERT_FALSE(was_passed_) << i;
  }
}

TEST_F(PitchedPoolTest, WithThePoolOffNothingIsAsked) {
  start(Mode::off);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(release(allocate_rows(kRows)), Result::success);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAllocPitch_v2", 2}, {"cuMemFree_v2", 2}}));
}

TEST_F(PitchedPoolTest, AForkedChildAndAnotherDriverBeginAnew) {
  learn(kRows);
  reset_after_fork();
  allocate_rows(kRows);
  EXPECT_TRUE(was_passed_);
  allocate_rows(kRows);
  EXPECT_FALSE(was_passed_);
  note_driver_replaced();
  allocate_rows(kRows);
  EXPECT_TRUE(was_passed_);
}

}  // namespace
}  // namespace weir::cuda::pool
