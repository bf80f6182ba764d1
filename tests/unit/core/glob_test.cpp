#include "core/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::core {
namespace {

TEST(Glob, MatchesTheWholeText) {
  EXPECT_TRUE(glob_match("bash", "bash"));
  EXPECT_FALSE(glob_match("bash", "bash2"));
  EXPECT_FALSE(glob_match("bash", "bas"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
}

TEST(Glob, StarStandsForAnyText) {
  EXPECT_TRUE(glob_match("python3*", "python3.11"));
  EXPECT_TRUE(glob_match("*sh", "bash"));
  EXPECT_TRUE(glob_match("*a*b*c", "xxaxxbxxcxxc"));
  EXPECT_FALSE(glob_match("*a*b*c", "xxaxxcxxb"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("a**", "a"));
}

TEST(Glob, QuestionMarkAndSetsStandForOneByte) {
  EXPECT_TRUE(glob_match("cc1?lus", "cc1plus"));
  EXPECT_FALSE(glob_match("a?", "a"));
  EXPECT_TRUE(glob_match("python[0-9]", "python3"));
  EXPECT_FALSE(glob_match("python[!0-9]", "python3"));
  EXPECT_TRUE(glob_match("x[]a]y", "x]y"));
  EXPECT_TRUE(glob_match("[ab", "[ab")) << "a set without an end stands for itself";
}

TEST(Glob, BackslashTakesTheNextByteAsItIs) {
  EXPECT_TRUE(glob_match("a\\*", "a*"));
  EXPECT_FALSE(glob_match("a\\*", "ab"));
}

TEST(Glob, ManyStarsStayCheap) {
  const std::string text(20000, 'a');
  EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*a*b", text.c_str()));
}

}  // namespace
}  // namespace weir::core
