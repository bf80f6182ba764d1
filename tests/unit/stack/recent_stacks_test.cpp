#include "stack/recent_stacks.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace weir::stack {
namespace {

// Return addresses without a rule: the second look then goes by the leaf alone.
using Reach = RecentStacks::Reach;
constexpr uintptr_t kCode = 0x10000;

// Where played stacks lie: always the same addresses, so that they share slots in each run or in none.
class Ground {
 public:
  static std::span<uintptr_t> take(size_t words) {
    static Ground ground;
    if (ground.used_ + words > kWords) ground.used_ = 0;
    uintptr_t* first = ground.first_ + ground.used_;
    ground.used_ += words;
    return {first, words};
  }
  static constexpr size_t kWords = size_t{1} << 20;

 private:
  Ground() {
    void* place = mmap(reinterpret_cast<void*>(uintptr_t{1} << 40), kWords * sizeof(uintptr_t), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (place == MAP_FAILED) abort();
    first_ = static_cast<uintptr_t*>(place);
  }
  uintptr_t* first_;
  size_t used_ = 0;
};

// A played stack: words, of which unwinding it read all, outermost first.
struct Played {
  std::span<uintptr_t> words;
  std::vector<Check> checks;
  Registers caller{};
  core::StackId stack = core::StackId::unknown;

  Played(uint32_t number, size_t depth) : words(Ground::take(depth)), stack(static_cast<core::StackId>(number)) {
    for (size_t i = 0; i < depth; ++i) {
      words[i] = kCode + number * 64 + i;
      checks.push_back({&words[i], words[i]});
    }
    caller = {kCode + number, reinterpret_cast<uintptr_t>(words.data()), 0};
  }
  Played(const Played&) = delete;
};

class RecentStacksTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(recent_.create()); }
  void TearDown() override { recent_.release(); }

  core::StackId recall(const Registers& caller, core::StackId followed) {
    ++clock_;
    const core::StackId stack = recent_.recall_in_turn<Reach::all>(last_, caller, followed);
    return stack != core::StackId::unknown ? stack : recent_.recall_by_callers(last_, caller);
  }

  // As a walk does, after both looks failed.
  void remember(const Played& played, core::StackId followed, uintptr_t rbp_mask = 0) {
    ASSERT_EQ(recall(played.caller, followed), core::StackId::unknown);
    put(played, rbp_mask);
    recent_.keep();
  }

  void put(const Played& played, uintptr_t rbp_mask = 0) {
    const Registers& caller = played.caller;
    recent_.put(last_, {caller.ip, caller.sp, caller.rbp, rbp_mask, played.stack}, played.checks, clock_);
  }

  RecentStacks recent_;
  LastStack last_;
  uint64_t clock_ = 0;
  uint32_t turn_ = 0;
};

constexpr auto kNone = core::StackId::unknown;
constexpr auto kOther = static_cast<core::StackId>(99);

TEST_F(RecentStacksTest, AStackIsFoundAgainInTurnAndOutOfTurn) {
  const Played one(1, 20), two(2, 20);
  remember(one, kNone);
  remember(two, one.stack);
  EXPECT_EQ(recent_.recall_in_turn<Reach::all>(last_, one.caller, kNone), one.stack);
  EXPECT_EQ(recent_.recall_in_turn<Reach::all>(last_, one.caller, two.stack), core::StackId::unknown);
  EXPECT_EQ(recent_.recall_by_callers(last_, one.caller), one.stack);
  EXPECT_EQ(recent_.recall_in_turn<Reach::all>(last_, one.caller, two.stack), one.stack);  // the turn was learnt
  EXPECT_EQ(recall(two.caller, kOther), two.stack);
}

TEST_F(RecentStacksTest, WhatIsRecalledIsTheLeaf) {
  const Played one(1, 20), two(2, 20);
  remember(one, kNone);
  remember(two, one.stack);
  ASSERT_EQ(recall(one.caller, kNone), one.stack);
  EXPECT_TRUE(is_unchanged(last_, one.caller, last_.generation));
  EXPECT_FALSE(is_unchanged(last_, two.caller, last_.generation));
  EXPECT_EQ(last_.leaf_stack, one.stack);
}

TEST_F(RecentStacksTest, EveryWordIsVerified) {
  Played one(1, 20);
  remember(one, kNone);
  for (uintptr_t& word : one.words) {
    ++word;
    EXPECT_EQ(recall(one.caller, kNone), core::StackId::unknown) << "word " << &word - one.words.data();
    --word;
  }
  EXPECT_EQ(recall(one.caller, kNone), one.stack);
}

TEST_F(RecentStacksTest, TheLeafsRegistersAreVerified) {
  const Played one(1, 4);
  remember(one, kNone, ~uintptr_t{0});
  Registers caller = one.caller;
  caller.rbp = 8;
  EXPECT_EQ(recall(caller, kNone), core::StackId::unknown);
  caller = one.caller;
  caller.sp += 8;
  EXPECT_EQ(recall(caller, kNone), core::StackId::unknown);
  caller = one.caller;
  caller.ip += 1;
  EXPECT_EQ(recall(caller, kNone), core::StackId::unknown);
  EXPECT_EQ(recall(one.caller, kNone), one.stack);
}

TEST_F(RecentStacksTest, RbpThatIsNotLiveDoesNotMatter) {
  const Played one(1, 4);
  remember(one, kNone);
  Registers caller = one.caller;
  caller.rbp = 8;
  EXPECT_EQ(recall(caller, kNone), one.stack);
}

TEST_F(RecentStacksTest, WhatIsPutIsTheLeafAndIsKeptOnRequest) {
  const Played one(1, 20), two(2, 20);
  ASSERT_EQ(recall(one.caller, kNone), core::StackId::unknown);
  put(one);
  EXPECT_TRUE(is_unchanged(last_, one.caller, last_.generation));
  ++one.words[19];
  EXPECT_FALSE(is_unchanged(last_, one.caller, last_.generation));
  --one.words[19];
  EXPECT_EQ(recall(one.caller, kNone), core::StackId::unknown);
  put(two);
  EXPECT_TRUE(is_unchanged(last_, two.caller, last_.generation));
  EXPECT_FALSE(is_unchanged(last_, one.caller, last_.generation));
}

// What was put without being kept lies where the oldest did.
TEST_F(RecentStacksTest, WhatIsOverwrittenByWhatIsNotKeptIsNotFound) {
  std::vector<std::unique_ptr<Played>> played;
  for (uint32_t i = 1; i <= 18; ++i) {
    played.push_back(std::make_unique<Played>(i, 20));
    remember(*played.back(), kOther);
  }
  clock_ += 100'000;  // too few were kept for the ring to grow
  const Played passing(100, 60);
  ASSERT_EQ(recall(passing.caller, kOther), core::StackId::unknown);
  put(passing);
  int found = 0;
  for (const auto& one : played) {
    const core::StackId stack = recall(one->caller, kOther);
    if (stack == core::StackId::unknown) continue;
    EXPECT_EQ(stack, one->stack);
    ++found;
  }
  EXPECT_GT(found, 9);
  EXPECT_LT(found, 17);
}

TEST_F(RecentStacksTest, AStackWithoutWordsHasNoLeaf) {
  const Played bare(1, 0);
  put(bare);
  EXPECT_FALSE(is_unchanged(last_, bare.caller, last_.generation));
  recent_.keep();
  EXPECT_EQ(recall(bare.caller, kNone), core::StackId::unknown);
}

TEST_F(RecentStacksTest, AValueThatIsNoAddressIsNotPacked) {
  Played odd(1, 20);
  odd.words[7] = odd.checks[7].value = uintptr_t{1} << 47;
  ASSERT_EQ(recall(odd.caller, kNone), core::StackId::unknown);
  put(odd);
  recent_.keep();
  EXPECT_FALSE(is_unchanged(last_, odd.caller, last_.generation));
  EXPECT_EQ(recall(odd.caller, kNone), core::StackId::unknown);
}

// Frames of megabytes: every word counts, those next to a mark included.
TEST_F(RecentStacksTest, WordsFarApartAreVerified) {
  for (const size_t gap : {size_t{65'534}, size_t{65'535}, size_t{65'536}, size_t{65'537}, size_t{400'000}}) {
    const Played room(1, 2 * gap + 20);
    std::vector<Check> checks;  // outermost first
    for (const size_t place : {2 * gap + 9, 2 * gap + 7, gap + 5, gap + 3, size_t{4}, size_t{2}})
      checks.push_back({&room.words[place], room.words[place]});
    const Registers caller{kCode + gap, reinterpret_cast<uintptr_t>(room.words.data()), 0};
    const auto stack = static_cast<core::StackId>(gap);
    ASSERT_EQ(recall(caller, kNone), core::StackId::unknown);
    recent_.put(last_, {caller.ip, caller.sp, 0, 0, stack}, checks, clock_);
    recent_.keep();
    EXPECT_EQ(recent_.recall_in_turn<Reach::near>(last_, caller, kNone), core::StackId::unknown) << gap;
    ASSERT_EQ(recall(caller, kNone), stack) << gap;
    for (const Check& check : checks) {
      auto& word = *const_cast<uintptr_t*>(check.address);
      ++word;
      EXPECT_EQ(recall(caller, kNone), core::StackId::unknown) << gap << ", word " << &word - room.words.data();
      --word;
    }
    EXPECT_EQ(recall(caller, kNone), stack) << gap;
  }
}

// What comes out of turn is found by the second look alone.
TEST_F(RecentStacksTest, SecondLooksInVainBecomeRareUntilOneFinds) {
  const Played known(1, 20);
  std::vector<std::unique_ptr<Played>> fresh;
  for (uint32_t i = 0; i < 1005; ++i) fresh.push_back(std::make_unique<Played>(i + 2, 20));
  remember(known, kNone);
  auto found_of = [&](uint32_t tries) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < tries; ++i)
      found += recall(known.caller, static_cast<core::StackId>(5000 + turn_++)) != kNone;
    return found;
  };
  EXPECT_EQ(found_of(10), 10u);
  for (const auto& one : fresh) ASSERT_EQ(recall(one->caller, kOther), core::StackId::unknown);
  const uint32_t found_when_rare = found_of(16);
  EXPECT_GE(found_when_rare, 1u);
  EXPECT_LT(found_when_rare, 16u);
  EXPECT_EQ(found_of(16), 16u);
}

// The second look knows what was kept while it was not made.
TEST_F(RecentStacksTest, WhatIsKeptWithoutASecondLookIsFoundOutOfTurn) {
  std::vector<std::unique_ptr<Played>> played;
  for (uint32_t i = 0; i < 300; ++i) {
    played.push_back(std::make_unique<Played>(i + 1, 4));
    remember(*played.back(), kOther);
  }
  uint32_t found = 0;
  for (uint32_t i = 0; i < 32; ++i)
    found += recall(played.back()->caller, static_cast<core::StackId>(5000 + i)) != kNone;
  EXPECT_GT(found, 16u);
}

TEST_F(RecentStacksTest, NoneIsKnownAfterClear) {
  const Played one(1, 20);
  remember(one, kNone);
  recent_.clear();
  EXPECT_EQ(recall(one.caller, kNone), core::StackId::unknown);
}

TEST_F(RecentStacksTest, GrowsWhileStacksArePushedOutAndNeverNamesAnother) {
  const uint64_t bytes_before = recent_.bytes();
  std::vector<std::unique_ptr<Played>> played;
  for (uint32_t i = 1; i <= 1000; ++i) played.push_back(std::make_unique<Played>(i, 5 + i % 40));
  uint32_t most_recalled = 0;  // in a round
  for (int round = 0; round < 12; ++round) {
    uint32_t recalled = 0;
    core::StackId followed = kNone;
    for (const auto& one : played) {
      const core::StackId stack = recall(one->caller, followed);
      if (stack == core::StackId::unknown) {
        put(*one);
        recent_.keep();
      } else {
        ASSERT_EQ(stack, one->stack);
        ++recalled;
      }
      followed = one->stack;
    }
    most_recalled = std::max(most_recalled, recalled);
  }
  EXPECT_GT(recent_.bytes(), 8 * bytes_before);
  EXPECT_GT(most_recalled, played.size() * 9 / 10);  // some share a slot
}

TEST_F(RecentStacksTest, StaysSmallWhereFewStacksComeBack) {
  const uint64_t bytes_before = recent_.bytes();
  const Played one(1, 20), two(2, 30);
  remember(one, kNone);
  remember(two, one.stack);
  for (int i = 0; i < 100000; ++i) {
    ASSERT_EQ(recall(one.caller, two.stack), one.stack);
    ASSERT_EQ(recall(two.caller, one.stack), two.stack);
  }
  EXPECT_EQ(recent_.bytes(), bytes_before);
}

TEST_F(RecentStacksTest, AStackTooDeepForTheRingMakesItGrow) {
  const Played deep(1, 1024);
  remember(deep, kNone);
  EXPECT_EQ(recall(deep.caller, kNone), deep.stack);
}

TEST_F(RecentStacksTest, AStackDeeperThanAnyRingIsNotKept) {
  const Played deep(1, 100'000), one(2, 20);
  remember(deep, kNone);
  EXPECT_EQ(recall(deep.caller, kNone), core::StackId::unknown);
  remember(one, kNone);
  EXPECT_EQ(recall(one.caller, kNone), one.stack);
}

}  // namespace
}  // namespace weir::stack
