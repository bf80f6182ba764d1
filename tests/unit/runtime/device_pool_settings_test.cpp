#include "runtime/device_pool_settings.h"

#include <gtest/gtest.h>

#include <vector>

#include "options/options.h"

namespace weir::runtime {
namespace {

using cuda::pool::Mode;
using cuda::pool::Settings;

Settings settings_with(std::vector<const char*> environment) {
  environment.push_back(nullptr);
  options::load(environment.data());
  return pool_settings_from_options();
}

class DevicePoolSettings : public testing::Test {
 protected:
  void TearDown() override { options::load(nullptr); }
};

TEST_F(DevicePoolSettings, DefaultsAreTheOptionsDefaults) {
  const Settings settings = settings_with({});
  EXPECT_EQ(settings.device_mode, Mode::strict);
  EXPECT_TRUE(settings.pinned);
  EXPECT_EQ(settings.initial_bytes, 0U);
  EXPECT_FALSE(settings.most.is_set());
  EXPECT_DOUBLE_EQ(settings.most_idle.share, 0.25);
  EXPECT_EQ(settings.most_idle.bytes, 0U);
  EXPECT_EQ(settings.idle_ns, 0U);
  EXPECT_EQ(settings.trim_above, 0);
  EXPECT_EQ(settings.compact_above, 0);
  EXPECT_EQ(settings.warn_utilization, 0);
  EXPECT_EQ(settings.warn_fragmentation, 0);
  EXPECT_EQ(settings.most_pinned_bytes, 1U << 30);
  EXPECT_EQ(settings.prewarm_count, 0U);
}

TEST_F(DevicePoolSettings, EveryModeHasItsWord) {
  EXPECT_EQ(settings_with({"WEIR_CUDA_POOL=strict"}).device_mode, Mode::strict);
  EXPECT_EQ(settings_with({"WEIR_CUDA_POOL=on"}).device_mode, Mode::deferred);
  EXPECT_EQ(settings_with({"WEIR_CUDA_POOL=off"}).device_mode, Mode::off);
  EXPECT_EQ(settings_with({"WEIR_CUDA_POOL=vmm"}).device_mode, Mode::vmm);
}

TEST_F(DevicePoolSettings, EveryFigureArrives) {
  const Settings settings =
      settings_with({"WEIR_CUDA_POOL_INITIAL=1MiB", "WEIR_CUDA_POOL_CACHE=3GB", "WEIR_CUDA_POOL_IDLE=2s",
                     "WEIR_TRIM_ON_PRESSURE=90%", "WEIR_COMPACT_ABOVE=0.3", "WEIR_WARN_UTILIZATION=0.8",
                     "WEIR_WARN_FRAGMENTATION=0.4", "WEIR_PINNED_POOL=off", "WEIR_PINNED_POOL_MAX=5MB"});
  EXPECT_EQ(settings.initial_bytes, 1U << 20);
  EXPECT_EQ(settings.most_idle.bytes, 3000000000U);
  EXPECT_EQ(settings.most_idle.share, 0);
  EXPECT_EQ(settings.idle_ns, 2000000000U);
  EXPECT_DOUBLE_EQ(settings.trim_above, 0.9);
  EXPECT_DOUBLE_EQ(settings.compact_above, 0.3);
  EXPECT_DOUBLE_EQ(settings.warn_utilization, 0.8);
  EXPECT_DOUBLE_EQ(settings.warn_fragmentation, 0.4);
  EXPECT_FALSE(settings.pinned);
  EXPECT_EQ(settings.most_pinned_bytes, 5000000U);
}

TEST_F(DevicePoolSettings, OfTwoLimitsTheSmallerHolds) {
  EXPECT_EQ(settings_with({"WEIR_CUDA_POOL_MAX=2GB"}).most.bytes, 2000000000U);
  EXPECT_DOUBLE_EQ(settings_with({"WEIR_CUDA_POOL_FRACTION=0.5"}).most.share, 0.5);
  EXPECT_DOUBLE_EQ(settings_with({"WEIR_CUDA_POOL_MAX=80%", "WEIR_CUDA_POOL_FRACTION=0.5"}).most.share, 0.5);
  EXPECT_DOUBLE_EQ(settings_with({"WEIR_CUDA_POOL_MAX=20%", "WEIR_CUDA_POOL_FRACTION=0.5"}).most.share, 0.2);
  const Settings both = settings_with({"WEIR_CUDA_POOL_MAX=2GB", "WEIR_CUDA_POOL_FRACTION=0.5"});
  EXPECT_EQ(both.most.bytes, 2000000000U) << "which is smaller depends on the device";
  EXPECT_DOUBLE_EQ(both.most.share, 0.5);
}

TEST_F(DevicePoolSettings, PrewarmByCountsAndByShare) {
  const Settings counted = settings_with({"WEIR_CUDA_POOL_PREWARM=1MiB*64, 16MiB"});
  ASSERT_EQ(counted.prewarm_count, 2U);
  EXPECT_EQ(counted.prewarm_share, 0);
  EXPECT_EQ(counted.prewarm[0].bytes, 1U << 20);
  EXPECT_EQ(counted.prewarm[0].count, 64U);
  EXPECT_EQ(counted.prewarm[1].bytes, 16U << 20);
  EXPECT_EQ(counted.prewarm[1].count, 1U);

  const Settings shared = settings_with({"WEIR_CUDA_POOL_PREWARM=80%:1KiB,4KiB,16KiB"});
  ASSERT_EQ(shared.prewarm_count, 3U);
  EXPECT_DOUBLE_EQ(shared.prewarm_share, 0.8);
  EXPECT_EQ(shared.prewarm[2].bytes, 16U << 10);
  EXPECT_EQ(shared.prewarm[2].count, 0U);

  const Settings most = settings_with({"WEIR_CUDA_POOL_PREWARM=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"});
  ASSERT_EQ(most.prewarm_count, cuda::pool::kMostPrewarmItems);
  EXPECT_EQ(most.prewarm[15].bytes, 16U);
}

}  // namespace
}  // namespace weir::runtime
