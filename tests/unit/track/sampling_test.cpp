#include "track/sampling.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weir::track {
namespace {

constexpr uint64_t kMean = 512 << 10;
constexpr int kDraws = 1'000'000;

TEST(Sampling, DistancesHaveTheirMeanAndDeviation) {
  uint64_t state = random_seed(nullptr, static_cast<core::ThreadId>(1));
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto distance = static_cast<double>(draw_distance(state, kMean));
    ASSERT_GE(distance, 0);
    sum += distance;
    squares += distance * distance;
  }
  const double mean = sum / kDraws, deviation = std::sqrt(squares / kDraws - mean * mean);
  EXPECT_NEAR(mean / kMean, 1, 0.005);  // five standard deviations
  EXPECT_NEAR(deviation / kMean, 1, 0.01);
}

TEST(Sampling, ThreadsDrawDifferently) {
  const char process_random[16] = "fifteen letters";
  EXPECT_NE(random_seed(process_random, static_cast<core::ThreadId>(1)),
            random_seed(process_random, static_cast<core::ThreadId>(2)));
  EXPECT_NE(random_seed(process_random, static_cast<core::ThreadId>(1)),
            random_seed(nullptr, static_cast<core::ThreadId>(1)));
}

TEST(Sampling, WeightsAreTheInverseOfTheChance) {
  for (const size_t bytes : {16UL, 100UL, 4096UL, 100'000UL, 1UL << 20, 3UL << 20, 64UL << 20}) {
    const double factor = 1 / -std::expm1(-static_cast<double>(drawn_bytes(bytes)) / kMean);
    double counts = 0;
    constexpr int kBlocks = 20'000;
    for (int i = 0; i < kBlocks; ++i) {
      const Weight weight =
          weigh(0x10000 + 16 * static_cast<uintptr_t>(i), bytes, 1000 + static_cast<uint64_t>(i), kMean);
      ASSERT_NEAR(static_cast<double>(weight.bytes), factor * static_cast<double>(bytes), 1);
      counts += static_cast<double>(weight.count);
    }
    EXPECT_NEAR(counts / kBlocks, factor, 5 * 0.5 / std::sqrt(kBlocks));
  }
}

TEST(Sampling, ABlockWeighsTheSameEachTime) {
  for (uint64_t tick = 0; tick < 100; ++tick) {
    EXPECT_EQ(weigh(4096, 700'000, tick, kMean).count, weigh(4096, 700'000, tick, kMean).count);
  }
}

TEST(Sampling, NothingIsDrawnWhereTheMeanIsNever) {
  uint64_t state = random_seed(nullptr, core::ThreadId::unknown);
  EXPECT_EQ(draw_distance(state, kNeverDrawn), INT64_MAX);
}

TEST(Sampling, AnEmptyBlockCanBeDrawn) {
  EXPECT_EQ(drawn_bytes(0), 16);
  EXPECT_EQ(drawn_bytes(16), 16);
  EXPECT_EQ(drawn_bytes(17), 32);
}

TEST(Sampling, LargeBlocksAreExact) {
  const Weight weight = weigh(4096, 100 * kMean, 1, kMean);
  EXPECT_EQ(weight.count, 1U);
  EXPECT_EQ(weight.bytes, 100 * kMean);
}

// The whole of it: what is drawn of a stream of blocks stands for the stream.
TEST(Sampling, EstimatesAreUnbiased) {
  uint64_t state = random_seed(nullptr, static_cast<core::ThreadId>(7));
  for (const size_t bytes : {1UL, 48UL, 3000UL, 400'000UL}) {
    constexpr int kBlocks = 4'000'000;
    constexpr uint64_t kShortMean = 64 << 10;
    int64_t left = draw_distance(state, kShortMean);
    uint64_t count = 0, estimated_bytes = 0;
    for (int i = 0; i < kBlocks; ++i) {
      left -= drawn_bytes(bytes);
      if (left >= 0) continue;
      left = draw_distance(state, kShortMean);
      const Weight weight = weigh(static_cast<uintptr_t>(i) * 16, bytes, static_cast<uint64_t>(i), kShortMean);
      count += weight.count;
      estimated_bytes += weight.bytes;
    }
    const double chance = -std::expm1(-static_cast<double>(drawn_bytes(bytes)) / kShortMean);
    const double deviation = std::sqrt((1 - chance) / chance / kBlocks);  // of the ratio
    EXPECT_NEAR(static_cast<double>(count) / kBlocks, 1, 5 * deviation + 1e-6) << bytes;
    EXPECT_NEAR(static_cast<double>(estimated_bytes) / kBlocks / static_cast<double>(bytes), 1, 5 * deviation + 1e-3)
        << bytes;
  }
}

}  // namespace
}  // namespace weir::track
