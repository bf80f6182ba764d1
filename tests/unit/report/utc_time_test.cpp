#include "report/utc_time.h"

#include <gtest/gtest.h>
#include <time.h>

#include <string>

namespace weir::report {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

std::string iso(uint64_t ns) {
  char storage[64];
  core::TextBuffer text(storage);
  append_iso_time(text, utc_time(ns));
  return storage;
}

TEST(UtcTime, HasTwoForms) {
  EXPECT_EQ(iso(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(iso(1795211400123456789), "2026-11-20T21:50:00.123456789Z");
  char storage[64];
  core::TextBuffer text(storage);
  append_compact_time(text, utc_time(1795211400123456789));
  EXPECT_STREQ(storage, "20261120T215000Z");
}

TEST(UtcTime, AgreesWithTheLibcOverTwoCenturies) {
  for (uint64_t seconds = 0; seconds < 6'400'000'000; seconds += 86'400 / 2 * 7 + 12'345) {
    const auto when = static_cast<time_t>(seconds);
    tm expected{};
    gmtime_r(&when, &expected);
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000000000Z", &expected);
    ASSERT_EQ(iso(seconds * kNsPerSecond), text);
  }
}

}  // namespace
}  // namespace weir::report
