#include "track/timeline.h"

#include <gtest/gtest.h>

#include <memory>

namespace weir::track {
namespace {

constexpr size_t kMost = 64;
using Series = PointSeries<2, kMost>;

std::unique_ptr<Series> series_of_slots(uint64_t slot_ticks) {
  auto series = std::make_unique<Series>();
  series->begin(slot_ticks);
  return series;
}

void expect_ascending(const Series& series) {
  for (size_t i = 1; i < series.count(); ++i) EXPECT_GT(series[i].tick, series[i - 1].tick);
}

TEST(Timeline, PointsOfTheirOwnSlotsStayAsTheyAre) {
  const auto series = series_of_slots(10);
  for (uint64_t i = 0; i < kMost; ++i) ASSERT_TRUE(series->add({10 * i + i % 10, {i, 1000 - i}}));
  ASSERT_EQ(series->count(), kMost);
  for (uint64_t i = 0; i < kMost; ++i) {
    EXPECT_EQ((*series)[i].tick, 10 * i + i % 10);
    EXPECT_EQ((*series)[i].figures[0], i);
    EXPECT_EQ((*series)[i].figures[1], 1000 - i);
  }
  EXPECT_EQ(series->next_slot(19), 20);
  EXPECT_EQ(series->next_slot(20), 30);
}

TEST(Timeline, OfOneSlotTheHighestStays) {
  const auto series = series_of_slots(10);
  for (const auto& point : {Series::Point{11, {5, 1}}, Series::Point{13, {9, 2}}, Series::Point{17, {7, 8}}}) {
    series->add(point);
  }
  ASSERT_EQ(series->count(), 1);
  EXPECT_EQ((*series)[0].tick, 13);  // when the first figure was highest
  EXPECT_EQ((*series)[0].figures[0], 9);
  EXPECT_EQ((*series)[0].figures[1], 8);
}

// 10^6 intervals, with one event in each: the peak, a spike of one event, is there at its time, and the course around it is right.
TEST(Timeline, AMillionIntervalsKeepEachPeakAtItsTime) {
  constexpr uint64_t kIntervals = 1'000'000, kSpike = 654'321;
  const auto series = series_of_slots(1);
  for (uint64_t i = 0; i < kIntervals; ++i) {
    const uint64_t live = i == kSpike ? 5'000'000 : i;
    series->add({i, {live, kIntervals - i}});
    ASSERT_LE(series->count(), kMost);
  }
  expect_ascending(*series);
  EXPECT_GT(series->count(), kMost / 4);
  EXPECT_LE(series->slot_ticks() * series->count(), 2 * kIntervals);
  bool has_spike = false;
  for (size_t i = 0; i < series->count(); ++i) {
    const Series::Point& point = (*series)[i];
    has_spike |= point.tick == kSpike && point.figures[0] == 5'000'000;
    if (point.tick == kSpike) continue;
    EXPECT_EQ(point.figures[0], point.tick);  // the moment is that of the figure
    EXPECT_NEAR(static_cast<double>(point.figures[1]), static_cast<double>(kIntervals - point.tick),
                static_cast<double>(series->slot_ticks()));
  }
  EXPECT_TRUE(has_spike);
}

// A program that worked twice, for a moment, a day apart: both moments are told in full.
TEST(Timeline, ALongPauseTakesNoResolution) {
  constexpr uint64_t kDay = 1'000'000'000;
  const auto series = series_of_slots(1);
  for (uint64_t i = 0; i < 30; ++i) series->add({i, {i, 0}});
  for (uint64_t i = 0; i < 30; ++i) series->add({kDay + i, {i, 0}});
  EXPECT_EQ(series->count(), 60);
  for (uint64_t i = 30; i < 90; ++i) series->add({kDay + i, {i, 0}});
  EXPECT_LE(series->count(), kMost);
  EXPECT_GT(series->count(), kMost / 4);
  EXPECT_LE(series->slot_ticks(), 4);
  expect_ascending(*series);
}

TEST(Timeline, BeginsAnewWithoutItsPoints) {
  const auto series = series_of_slots(1);
  for (uint64_t i = 0; i < 1000; ++i) series->add({i, {i, 0}});
  series->begin(3);
  EXPECT_EQ(series->count(), 0);
  EXPECT_EQ(series->slot_ticks(), 3);
  series->add({2, {7, 0}});
  ASSERT_EQ(series->count(), 1);
  EXPECT_EQ((*series)[0].figures[0], 7);
}

}  // namespace
}  // namespace weir::track
