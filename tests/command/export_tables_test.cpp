#include "cli/export_tables.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cli/export_report.h"

namespace weir::cli {
namespace {

TEST(PackedLists, GiveBackWhatWasAdded) {
  const std::vector<std::vector<uint32_t>> lists = {
      {}, {0}, {127, 128, 16383, 16384}, {}, {UINT32_MAX, 0, UINT32_MAX - 1, 1U << 28}, {7, 7, 7}, {}};
  PackedLists packed;
  for (const auto& list : lists) packed.add(list);
  ASSERT_EQ(packed.size(), lists.size());
  std::vector<uint32_t> got = {1, 2, 3};
  for (size_t i = lists.size(); i-- > 0;) {
    packed.get(i, got);
    EXPECT_EQ(got, lists[i]) << i;
  }
}

TEST(PackedTexts, HaveEachOnce) {
  PackedTexts texts;
  std::vector<uint32_t> numbers;
  for (int i = 0; i < 1000; ++i) numbers.push_back(texts.number_of(std::string(1 + i % 40, 'a') + std::to_string(i)));
  for (int i = 0; i < 1000; ++i) {
    const std::string text = std::string(1 + i % 40, 'a') + std::to_string(i);
    EXPECT_EQ(texts.number_of(text), numbers[i]);
    EXPECT_EQ(texts[numbers[i]], text);
  }
  EXPECT_EQ(texts.size(), 1000U);
}

TEST(ExportFrames, ShareFunctionsByNameAndFile) {
  ExportFrames code;
  ExportFrame first, second;
  code.add_line(first, code.function_of("f", "a.c"), 1);
  code.add_line(first, code.function_of("g", "a.c"), 2);
  code.add_line(second, code.function_of("f", "a.c"), 3);
  EXPECT_NE(code.function_of("f", "b.c"), code.function_of("f", "a.c"));
  EXPECT_EQ(first.line_count, 2U);
  EXPECT_EQ(second.first_line, 2U);
  EXPECT_EQ(code.lines[second.first_line].function, code.lines[first.first_line].function);
}

TEST(Harmless, LeavesLettersAndTakesWhatMovesACursor) {
  EXPECT_EQ(harmless("a\x1b[31m\n\tb\x7f"), "a?[31m??b?");
  EXPECT_EQ(harmless("\u009b2J\u0085"), "?2J?");
  EXPECT_EQ(harmless("\u2028\u2029\u202a\u202e\u2066\u2069\u200e\u200f"), "????????");
  for (const char* kept :
       {"\u00e9\u00a0\u00bf", "\u2026 \u20ac \u2027 \u2030 \u2065", "\U0001f600", "std::vector<int>"})
    EXPECT_EQ(harmless(kept), kept);
  for (const char* cut : {"\xc2", "\xe2", "\xe2\x80", "x\xe2\x81"}) EXPECT_EQ(harmless(cut), cut);
}

}  // namespace
}  // namespace weir::cli
