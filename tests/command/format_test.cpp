#include "cli/format.h"

#include <gtest/gtest.h>

#include "cli/error.h"

namespace weir::cli {
namespace {

TEST(Format, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(100 << 20), "100 MiB");
  EXPECT_EQ(human_bytes(~uint64_t{0}), "16.0 EiB");
}

TEST(Format, CountsAndTimes) {
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1234567), "1,234,567");
  EXPECT_EQ(plural(1, "process"), "1 process");
  EXPECT_EQ(plural(2, "process"), "2 processes");
  EXPECT_EQ(plural(0, "block"), "0 blocks");
  EXPECT_EQ(plural(3, "copy"), "3 copies");
  EXPECT_EQ(plural(2, "retry"), "2 retries");
  EXPECT_EQ(plural(2, "flush"), "2 flushes");
  EXPECT_EQ(human_duration(0), "0 us");
  EXPECT_EQ(human_duration(1'500'000), "1.5 ms");
  EXPECT_EQ(human_duration(1'500'000'000), "1.50 s");
  EXPECT_EQ(human_duration(125'000'000'000), "2 min 5 s");
  EXPECT_EQ(human_duration(7'500'000'000'000), "2 h 5 min");
}

TEST(Format, Rates) {
  EXPECT_EQ(human_rate(1'250'000'000, 1'000'000'000), "1.25 GB/s");
  EXPECT_EQ(human_rate(25'000, 1'000), "25.0 GB/s");
  EXPECT_EQ(human_rate(1'000'000, 10'000'000), "100 MB/s");
  EXPECT_EQ(human_rate(4, 8'000), "500 kB/s");
  EXPECT_EQ(human_rate(4, 0), "no time at all");
}

TEST(Format, SizesWithUnits) {
  EXPECT_EQ(parse_size("0", "x"), 0U);
  EXPECT_EQ(parse_size("100MB", "x"), 100'000'000U);
  EXPECT_EQ(parse_size("2GiB", "x"), uint64_t{2} << 30);
  for (const char* wrong : {"", "MB", "-1", "1 XB", "1e3", "99999999999999999999", "20000000TiB", "0x10"}) {
    EXPECT_THROW(parse_size(wrong, "x"), Error) << wrong;
  }
}

TEST(Format, LongFunctionNamesLoseTheirTemplateArgumentsFirst) {
  EXPECT_EQ(shorten_function("short<int>(int)", 20), "short<int>(int)");
  EXPECT_EQ(shorten_function("std::vector<std::map<int, long>>::push_back(int)", 40),
            "std::vector<...>::push_back(int)");
  EXPECT_EQ(shorten_function("std::ostream& operator<< <char>(std::ostream&, char const*)", 50),
            "std::ostream& operator<< <...>(...)");
  EXPECT_EQ(shorten_function(std::string(200, 'x'), 10), "xxxxxxx...");
}

}  // namespace
}  // namespace weir::cli
