#include "report/device_pools.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "cuda/allocation.h"
#include "cuda/pool/pool_warnings.h"

namespace weir::report {
namespace {

using Json = nlohmann::json;
using cuda::pool::Figures;
using cuda::pool::SizeFigures;

constexpr uint64_t kNsPerCycle = 2;
const EventClock kClock({0, 0}, {1'000'000, 1'000'000 * kNsPerCycle});

// The values that `write` puts into an array.
Json array_of(const std::function<void(JsonStream&)>& write) {
  FILE* file = tmpfile();
  char buffer[4096];
  JsonStream json(fileno(file), buffer, sizeof buffer);
  json.begin_array();
  write(json);
  json.end_array();
  EXPECT_EQ(json.finish(), 0);
  std::string text(static_cast<size_t>(json.bytes_written()), '\0');
  EXPECT_EQ(pread(fileno(file), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  fclose(file);
  return Json::parse(text);
}

Json pool_of(const Figures& figures, std::span<const SizeFigures> sizes = {}) {
  return array_of([&](JsonStream& json) { write_pool(json, figures, sizes, kClock); }).at(0);
}

// Each figure another number, so that none can stand in another's place.
Figures figures_of_a_pool() {
  Figures figures{};
  figures.is_used = true;
  figures.live_bytes = 6000, figures.live_count = 3, figures.live_asked_bytes = 5000;
  figures.cached_bytes = 1000, figures.cached_count = 4, figures.largest_cached_bytes = 250;
  figures.quarantined_bytes = 500, figures.quarantined_count = 2;
  figures.peak_live_bytes = 7000, figures.peak_reserved_bytes = 8000;
  figures.hit_count = 90, figures.hit_bytes = 91, figures.miss_count = 10, figures.miss_bytes = 11;
  figures.passed_count = 12, figures.kept_count = 85, figures.returned_count = 13;
  figures.synchronise_count = 14, figures.record_count = 15, figures.query_count = 16;
  figures.flush_count = 17, figures.flushed_bytes = 18, figures.trim_count = 19, figures.trimmed_bytes = 20;
  figures.retry_count = 21, figures.retry_saved_count = 22;
  figures.prewarmed_count = 23, figures.prewarmed_bytes = 24;
  figures.compaction_count = 25, figures.compacted_bytes = 26, figures.driver_cycles = 27;
  return figures;
}

TEST(DevicePools, EveryFigureHasItsKey) {
  const Json expected = {{"allocated_bytes", 6000},
                         {"live_bytes", 5000},
                         {"live_count", 3},
                         {"reserved_bytes", 7500},
                         {"reserved_peak_bytes", 8000},
                         {"active_bytes", 6000},
                         {"cached_bytes", 1000},
                         {"cached_count", 4},
                         {"largest_cached_bytes", 250},
                         {"quarantined_bytes", 500},
                         {"quarantined_count", 2},
                         {"capacity_bytes", 7500},
                         {"peak_bytes", 7000},
                         {"fragmentation_ratio", 0.75},
                         {"utilization_ratio", 0.8},
                         {"hit_rate_ratio", 0.9},
                         {"hit_count", 90},
                         {"hit_bytes", 91},
                         {"miss_count", 10},
                         {"miss_bytes", 11},
                         {"passed_count", 12},
                         {"kept_count", 85},
                         {"returned_count", 13},
                         {"saved_call_count", 130},
                         {"synchronise_count", 14},
                         {"record_count", 15},
                         {"query_count", 16},
                         {"driver_ns", 54},
                         {"flush_count", 17},
                         {"flushed_bytes", 18},
                         {"trim_count", 19},
                         {"trimmed_bytes", 20},
                         {"retry_count", 21},
                         {"retry_saved_count", 22},
                         {"prewarmed_count", 23},
                         {"prewarmed_bytes", 24},
                         {"compaction_count", 25},
                         {"compacted_bytes", 26},
                         {"sizes", Json::array()}};
  EXPECT_EQ(pool_of(figures_of_a_pool()), expected);
}

TEST(DevicePools, RatiosOfNothingAreZero) {
  const Json pool = pool_of({});
  for (const char* key : {"fragmentation_ratio", "utilization_ratio", "hit_rate_ratio"}) EXPECT_EQ(pool.at(key), 0.0);
}

TEST(DevicePools, SizesComeInTheirOrder) {
  const SizeFigures sizes[] = {{4096, 70, 7, 1}, {512, 30, 3, 0}};
  const Json expected = {{{"block_bytes", 4096}, {"hit_count", 70}, {"miss_count", 7}, {"cached_count", 1}},
                         {{"block_bytes", 512}, {"hit_count", 30}, {"miss_count", 3}, {"cached_count", 0}}};
  EXPECT_EQ(pool_of({}, sizes).at("sizes"), expected);
}

TEST(DevicePools, WarningsSayWhatWhereWhenAndHowOften) {
  using cuda::pool::WarningKind;
  cuda::pool::pool_warnings_reset_after_fork();
  cuda::pool::note_warning(WarningKind::utilization, 1, 0.85);
  cuda::pool::note_warning(WarningKind::utilization, 1, 0.97);
  cuda::pool::note_warning(WarningKind::fragmentation, cuda::kNoDevice, 0.3);
  const Json warnings = array_of([](JsonStream& json) { write_pool_warnings(json, kClock); });
  cuda::pool::pool_warnings_reset_after_fork();
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_EQ(warnings[0].at("text"),
            "85 % of the memory of device 1 was in use, later up to 97 %: above WEIR_WARN_UTILIZATION");
  EXPECT_EQ(warnings[0].at("kind"), "utilization");
  EXPECT_EQ(warnings[0].at("device"), 1);
  EXPECT_EQ(warnings[0].at("ratio"), 0.85);
  EXPECT_EQ(warnings[0].at("highest_ratio"), 0.97);
  EXPECT_EQ(warnings[0].at("count"), 2);
  EXPECT_TRUE(warnings[0].at("ns").is_number());
  EXPECT_EQ(warnings[1].at("text"),
            "30 % of the pool's idle memory of the host was in fragments: above WEIR_WARN_FRAGMENTATION");
  EXPECT_EQ(warnings[1].at("device"), nullptr);
}

}  // namespace
}  // namespace weir::report
