#include "runtime/process_policy.h"

#include <gtest/gtest.h>

namespace weir::runtime {
namespace {

TEST(matches_glob, plain_names_match_as_a_whole) {
  EXPECT_TRUE(matches_glob("python3", "python3"));
  EXPECT_FALSE(matches_glob("python3", "python3.11"));
  EXPECT_FALSE(matches_glob("python3", "python"));
  EXPECT_TRUE(matches_glob("", ""));
  EXPECT_FALSE(matches_glob("", "a"));
}

TEST(matches_glob, stars_take_any_text_also_none) {
  EXPECT_TRUE(matches_glob("python*", "python"));
  EXPECT_TRUE(matches_glob("*sh", "bash"));
  EXPECT_TRUE(matches_glob("*sh", "sh"));
  EXPECT_FALSE(matches_glob("*sh", "sha"));
  EXPECT_TRUE(matches_glob("*a*b*c*", "xxaxxbxxcxx"));
  EXPECT_FALSE(matches_glob("*a*b*c*", "xxaxxcxxbxx"));
  EXPECT_TRUE(matches_glob("a*ab", "aabab"));
}

TEST(matches_glob, question_mark_takes_one_character) {
  EXPECT_TRUE(matches_glob("sqlite?", "sqlite3"));
  EXPECT_FALSE(matches_glob("sqlite?", "sqlite"));
}

TEST(matches_glob, sets_and_their_negation) {
  EXPECT_TRUE(matches_glob("gcc-[0-9][0-9]", "gcc-12"));
  EXPECT_FALSE(matches_glob("gcc-[0-9]", "gcc-x"));
  EXPECT_TRUE(matches_glob("[!a]b", "cb"));
  EXPECT_FALSE(matches_glob("[!a]b", "ab"));
  EXPECT_TRUE(matches_glob("[]]", "]"));
  EXPECT_TRUE(matches_glob("[a-]", "-"));
  EXPECT_TRUE(matches_glob("*[xy]", "bayx"));
}

TEST(matches_glob, an_open_bracket_without_an_end_is_itself) {
  EXPECT_TRUE(matches_glob("[", "["));
  EXPECT_FALSE(matches_glob("[ab", "a"));
}

TEST(matches_glob, backslash_takes_the_next_character_literally) {
  EXPECT_TRUE(matches_glob("\\*", "*"));
  EXPECT_FALSE(matches_glob("\\*", "x"));
  EXPECT_TRUE(matches_glob("\\?", "?"));
  EXPECT_FALSE(matches_glob("\\?", "x"));
}

}  // namespace
}  // namespace weir::runtime
