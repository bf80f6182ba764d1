#include "runtime/program_suppressions.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::runtime {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

Options options_of(const char* text) {
  Options options;
  LsanOption option{};
  while (next_lsan_option(&text, &option)) {
    options.emplace_back(std::string(option.name, option.name_length), std::string(option.value, option.value_length));
  }
  return options;
}

TEST(LsanOptions, AreSeparatedInAnyOfTheWays) {
  EXPECT_EQ(
      options_of("suppressions=a.txt:detect_leaks=0,exitcode=7 report_objects=1\nx=y\t"),
      (Options{
          {"suppressions", "a.txt"}, {"detect_leaks", "0"}, {"exitcode", "7"}, {"report_objects", "1"}, {"x", "y"}}));
}

TEST(LsanOptions, AValueInQuotesMayHoldSeparators) {
  EXPECT_EQ(options_of("suppressions='a b:c,d.txt' detect_leaks=\"1\""),
            (Options{{"suppressions", "a b:c,d.txt"}, {"detect_leaks", "1"}}));
  EXPECT_EQ(options_of("suppressions='never closed"), (Options{{"suppressions", "never closed"}}));
}

TEST(LsanOptions, WhatIsNoneEndsAllTheSame) {
  EXPECT_EQ(options_of(""), Options{});
  EXPECT_EQ(options_of(" :, \n"), Options{});
  EXPECT_EQ(options_of("alone=:=x:last"), (Options{{"alone", ""}, {"", "x"}, {"last", ""}}));
}

}  // namespace
}  // namespace weir::runtime
