#include "track/recording.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/clock.h"

namespace weir::track {
namespace {

class Recording : public testing::Test {
 protected:
  void SetUp() override { recording_clear(); }
  void TearDown() override { recording_clear(); }
};

TEST_F(Recording, IsOnFromTheStart) {
  EXPECT_TRUE(is_recording());
  EXPECT_TRUE(is_recorded(0));
  EXPECT_TRUE(is_recorded(core::current_tick()));
  EXPECT_FALSE(resume_recording()) << "it is on";
}

TEST_F(Recording, TheTickOfAChangeBelongsToWhatWasBefore) {
  const uint64_t before = core::current_tick();
  ASSERT_TRUE(pause_recording());
  const uint64_t paused = core::current_tick();
  EXPECT_FALSE(pause_recording()) << "it is off";
  EXPECT_FALSE(is_recording());
  ASSERT_TRUE(resume_recording());
  const uint64_t after = core::current_tick();
  EXPECT_LT(before, paused);
  EXPECT_LT(paused, after);
  EXPECT_TRUE(is_recorded(before));
  EXPECT_FALSE(is_recorded(paused));
  EXPECT_TRUE(is_recorded(after));
  EXPECT_TRUE(is_recorded(after + 1000000));
}

TEST_F(Recording, APauseFromTheStartReachesBackToTheFirstTick) {
  begin_paused();
  EXPECT_FALSE(is_recording());
  EXPECT_FALSE(is_recorded(0));
  EXPECT_FALSE(is_recorded(core::current_tick()));
  const uint64_t before = core::current_tick();
  ASSERT_TRUE(resume_recording());
  EXPECT_FALSE(is_recorded(0));
  EXPECT_FALSE(is_recorded(before));
  EXPECT_TRUE(is_recorded(core::current_tick()));
}

TEST_F(Recording, WithTooManyChangesTheOldestRegionsCountAsNotRecorded) {
  constexpr size_t kMore = 10;
  std::vector<uint64_t> on, off;
  for (size_t i = 0; i < kMostPauses + kMore; ++i) {
    on.push_back(core::current_tick());
    ASSERT_TRUE(pause_recording());
    off.push_back(core::current_tick());
    ASSERT_TRUE(resume_recording());
  }
  EXPECT_EQ(forgotten_region_count(), kMore);
  for (size_t i = 0; i < off.size(); ++i) {
    EXPECT_FALSE(is_recorded(off[i])) << i;
    const bool is_forgotten = i > 0 && i <= kMore;  // before the first pause nothing is joined
    EXPECT_EQ(is_recorded(on[i]), !is_forgotten) << i;
  }
}

TEST_F(Recording, GoesOnWhereTheClockIsStopped) {
  core::stop_clock();
  EXPECT_TRUE(pause_recording());
  EXPECT_TRUE(resume_recording());
  core::start_clock();
}

}  // namespace
}  // namespace weir::track
