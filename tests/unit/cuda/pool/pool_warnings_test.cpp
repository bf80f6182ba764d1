#include "cuda/pool/pool_warnings.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "cuda/allocation.h"
#include "cuda/allocation_table.h"

namespace weir::cuda::pool {
namespace {

class PoolWarningsTest : public testing::Test {
 protected:
  void SetUp() override { pool_warnings_reset_after_fork(); }
  void TearDown() override { pool_warnings_reset_after_fork(); }
};

TEST_F(PoolWarningsTest, TheFirstIsKeptAndTheOthersAreCounted) {
  const uint64_t before = core::current_tick();
  note_warning(WarningKind::utilization, 0, 0.85);
  const uint64_t after = core::current_tick();
  while (core::current_tick() == after) continue;
  note_warning(WarningKind::utilization, 0, 0.95);
  note_warning(WarningKind::utilization, 0, 0.9);
  ASSERT_EQ(warning_count(), 1u);
  const Warning first = warning(0);
  EXPECT_EQ(std::string(warning_name(first.kind)), "utilization");
  EXPECT_EQ(first.device, 0);
  EXPECT_GE(first.tick, before);
  EXPECT_LE(first.tick, after);
  EXPECT_EQ(first.ratio, 0.85);
  EXPECT_EQ(first.highest_ratio, 0.95);
  EXPECT_EQ(first.count, 3u);
}

TEST_F(PoolWarningsTest, KindsAndDevicesAreToldApartInTheOrderOfTime) {
  note_warning(WarningKind::fragmentation, 1, 0.5);
  note_warning(WarningKind::utilization, 1, 0.6);
  note_warning(WarningKind::utilization, kNoDevice, 0.7);
  note_warning(WarningKind::fragmentation, 1, 0.4);
  ASSERT_EQ(warning_count(), 3u);
  EXPECT_EQ(std::string(warning_name(warning(0).kind)), "fragmentation");
  EXPECT_EQ(warning(0).count, 2u);
  EXPECT_EQ(warning(0).highest_ratio, 0.5);
  EXPECT_EQ(warning(1).device, 1);
  EXPECT_EQ(warning(1).count, 1u);
  EXPECT_EQ(warning(2).device, kNoDevice);
}

TEST_F(PoolWarningsTest, DevicesBeyondTheListedOnesCountWithTheLast) {
  constexpr int kMore = 3 * kMostDevices;
  for (int device = -1; device < kMore; ++device) {
    for (const WarningKind kind : {WarningKind::utilization, WarningKind::fragmentation}) note_warning(kind, device, 1);
  }
  ASSERT_EQ(warning_count(), kWarningKinds * (kMostDevices + 1));
  const Warning last = warning(warning_count() - 1);
  EXPECT_EQ(last.device, kMostDevices - 1);
  EXPECT_EQ(last.count, static_cast<uint64_t>(kMore - (kMostDevices - 1)));
}

TEST_F(PoolWarningsTest, ThreadsLoseNothing) {
  constexpr uint64_t kEach = 2000;
  std::vector<std::thread> threads;
  for (int device = 0; device < 4; ++device) {
    threads.emplace_back([device] {
      for (uint64_t i = 0; i < kEach; ++i) note_warning(WarningKind::utilization, device % 2, 0.5);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(warning_count(), 2u);
  EXPECT_EQ(warning(0).count, 2 * kEach);
  EXPECT_EQ(warning(1).count, 2 * kEach);
}

TEST_F(PoolWarningsTest, AForkedChildHasNone) {
  note_warning(WarningKind::utilization, 0, 0.9);
  pool_warnings_reset_after_fork();
  EXPECT_EQ(warning_count(), 0u);
}

}  // namespace
}  // namespace weir::cuda::pool
