#include "leak/word_filter.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::leak {
namespace {

bool any_in(const uintptr_t (&words)[4], uintptr_t lowest, uintptr_t highest) {
  for (const uintptr_t word : words) {
    if (word >> 32 >= lowest >> 32 && word >> 32 <= highest >> 32) return true;
  }
  return false;
}

TEST(WordFilter, FindsOneAmongFourAtEachPlace) {
  constexpr uintptr_t kLowest = 0x395'30000000, kHighest = 0x397'00000000;
  const WordFilter filter(kLowest, kHighest);
  for (const uintptr_t word : {kLowest, kHighest, uintptr_t{0x396'00000000}}) {
    for (size_t place = 0; place < 4; ++place) {
      uintptr_t words[4] = {0, 1, ~uintptr_t{0}, 0x7fff'00000000};
      EXPECT_FALSE(filter.may_hold_any(words));
      words[place] = word;
      EXPECT_TRUE(filter.may_hold_any(words)) << place;
    }
  }
}

TEST(WordFilter, AgreesWithComparingEachWord) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 1000; ++round) {
    uintptr_t lowest = random() >> (random() % 40), highest = random() >> (random() % 40);
    if (lowest > highest) std::swap(lowest, highest);
    const WordFilter filter(lowest, highest);
    for (int i = 0; i < 100; ++i) {
      uintptr_t words[4];
      for (uintptr_t& word : words)
        word = random() % 3 == 0 ? lowest + random() % 0x300000000 : random() >> (random() % 64);
      EXPECT_EQ(filter.may_hold_any(words), any_in(words, lowest, highest));
    }
  }
}

}  // namespace
}  // namespace weir::leak
