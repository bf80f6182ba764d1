#include "cuda/pool/host_pin_table.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace weir::cuda::pool {
namespace {

using Found = HostPinTable::Found;
using Next = HostPinTable::Next;
using Step = HostPinTable::Step;

constexpr uint64_t kContext = 7;
constexpr uint64_t kNoLimit = UINT64_MAX;
constexpr uint64_t kPage = 4096;
constexpr HostRange kBlock{100 * kPage, 10 * kPage};

class HostPins : public testing::Test {
 protected:
  ~HostPins() override { table_.reset_after_fork(); }

  // Registered, and no copy under way.
  HostPin& registered(const HostRange& block, uint64_t context = kContext) {
    HostPin* pin = table_.enter(block, context, kNoLimit);
    EXPECT_NE(pin, nullptr);
    table_.registered(*pin, true);
    EXPECT_EQ(table_.let_go(*pin).next, Next::nothing);
    return *pin;
  }
  Found found(const HostRange& range) {
    HostPin* pin = nullptr;
    const Found found = table_.hold(range, &pin);
    if (found == Found::held) table_.let_go(*pin);
    return found;
  }
  HostPinTable table_;
};

TEST_F(HostPins, ABlockIsHeldByAnyOfItsBytes) {
  EXPECT_EQ(found(kBlock), Found::unknown);
  EXPECT_FALSE(has_host_pins());
  registered(kBlock);
  EXPECT_TRUE(has_host_pins());
  EXPECT_EQ(found({kBlock.address, 1}), Found::held);
  EXPECT_EQ(found({kBlock.address + 3 * kPage, 7 * kPage}), Found::held);
  EXPECT_EQ(found({kBlock.address - 1, 1}), Found::unknown);
  EXPECT_EQ(found({kBlock.address + kBlock.bytes, 1}), Found::unknown);
  EXPECT_TRUE(table_.holds(kBlock.address + kBlock.bytes - 1));
  EXPECT_FALSE(table_.holds(kBlock.address + kBlock.bytes));
}

TEST_F(HostPins, ARefusedBlockIsNotAskedForAgainWhileItLives) {
  HostPin* pin = table_.enter(kBlock, kContext, kNoLimit);
  table_.registered(*pin, false);
  EXPECT_EQ(table_.let_go(*pin).next, Next::nothing);
  EXPECT_EQ(found(kBlock), Found::refused);
  EXPECT_FALSE(table_.holds(kBlock.address));
  EXPECT_EQ(table_.enter(kBlock, kContext, kNoLimit), nullptr);
  EXPECT_FALSE(table_.set_aside(kBlock.address)) << "the heap may have it";
  EXPECT_EQ(found(kBlock), Found::unknown);
  EXPECT_FALSE(has_host_pins());
  EXPECT_EQ(table_.figures().refused_count, 1u);
  EXPECT_EQ(table_.figures().registered_bytes, 0u);
}

TEST_F(HostPins, NoMoreIsEnteredThanMayBe) {
  registered(kBlock);
  EXPECT_EQ(table_.enter({kBlock.address + kPage, kPage}, kContext, kNoLimit), nullptr) << "it overlaps";
  EXPECT_EQ(table_.enter({kBlock.address - kPage, 2 * kPage}, kContext, kNoLimit), nullptr);
  EXPECT_EQ(table_.enter({500 * kPage, 6 * kPage}, kContext, 15 * kPage), nullptr);
  EXPECT_NE(table_.enter({500 * kPage, 5 * kPage}, kContext, 15 * kPage), nullptr);
}

TEST_F(HostPins, AFreedBlockStaysAsideAndIsHandedOutAgain) {
  registered(kBlock);
  EXPECT_FALSE(table_.set_aside(kBlock.address + kPage)) << "no block begins there";
  EXPECT_TRUE(table_.set_aside(kBlock.address));
  EXPECT_EQ(table_.figures().aside_bytes, kBlock.bytes);
  EXPECT_EQ(table_.take_aside(kBlock.bytes + 1), 0u);
  EXPECT_EQ(table_.take_aside(kBlock.bytes), kBlock.address);
  EXPECT_EQ(table_.take_aside(kBlock.bytes), 0u);
  EXPECT_EQ(found(kBlock), Found::held) << "it is registered as before";
  EXPECT_EQ(table_.figures().aside_count, 0u);
  EXPECT_EQ(table_.figures().reuse_count, 1u);
}

TEST_F(HostPins, ARequestIsNotServedByAMuchLargerBlock) {
  registered({kPage, 1000 * kPage});
  table_.set_aside(kPage);
  EXPECT_EQ(table_.take_aside(500 * kPage), 0u);
  EXPECT_EQ(table_.take_aside(950 * kPage), kPage);
}

TEST_F(HostPins, WhatIsAsideBeyondALimitIsUnregisteredTheLongestFirst) {
  for (uint64_t i = 1; i <= 3; ++i) registered({i * 100 * kPage, 10 * kPage});
  for (uint64_t i = 1; i <= 3; ++i) table_.set_aside(i * 100 * kPage);
  EXPECT_EQ(table_.next_aside_beyond(30 * kPage).next, Next::nothing);
  Step step = table_.next_aside_beyond(20 * kPage);
  ASSERT_EQ(step.next, Next::unregister);
  EXPECT_EQ(step.pin->start, 100 * kPage);
  EXPECT_EQ(table_.take_aside(10 * kPage), 200 * kPage) << "not the one that another thread is at";
  step = table_.unregistered(*step.pin, true);
  EXPECT_EQ(step.next, Next::give_back);
  EXPECT_EQ(step.start, 100 * kPage);
  EXPECT_EQ(table_.next_aside_beyond(20 * kPage).next, Next::nothing);
  EXPECT_EQ(table_.figures().unregister_count, 1u);
}

TEST_F(HostPins, WhatTheDriverKeepsIsNeverGivenBackAndNotAskedForAgain) {
  registered(kBlock);
  table_.set_aside(kBlock.address);
  const Step step = table_.next_aside_beyond(0);
  EXPECT_EQ(table_.unregistered(*step.pin, false).next, Next::nothing);
  EXPECT_EQ(table_.next_aside_beyond(0).next, Next::nothing);
  EXPECT_EQ(table_.take_aside(kBlock.bytes), 0u);
  EXPECT_EQ(table_.figures().aside_count, 1u);
  EXPECT_EQ(table_.next_of_ended(kContext).next, Next::give_back) << "the end of the context ends the registration";
}

TEST_F(HostPins, ARejectedBlockIsUnregisteredByItsLastUser) {
  HostPin& pin = registered(kBlock);
  HostPin* held = nullptr;
  bool is_busy = false;
  EXPECT_EQ(table_.hold(kBlock, &held), Found::held);
  table_.reject({kBlock.address + kPage, 1});
  EXPECT_EQ(table_.next_unwanted(kBlock, &is_busy).next, Next::nothing);
  EXPECT_TRUE(is_busy);
  const Step step = table_.let_go(*held);
  ASSERT_EQ(step.next, Next::unregister);
  EXPECT_EQ(step.pin, &pin);
  EXPECT_EQ(table_.unregistered(pin, true).next, Next::nothing);
  EXPECT_EQ(found(kBlock), Found::refused);
}

TEST_F(HostPins, ARejectedBlockIsUnregisteredBeforeItsNextCopy) {
  HostPin& pin = registered(kBlock);
  HostPin* held = nullptr;
  table_.reject(kBlock);
  EXPECT_EQ(table_.hold(kBlock, &held), Found::to_unregister);
  EXPECT_EQ(table_.unregistered(pin, true).next, Next::nothing);
  EXPECT_EQ(found(kBlock), Found::refused);
}

TEST_F(HostPins, ARangeBeyondItsBlockIsTheDriversAsItIs) {
  registered(kBlock);
  EXPECT_EQ(found({kBlock.address, kBlock.bytes + 1}), Found::to_unregister);
}

TEST_F(HostPins, OnlyWhatLiesInTheRangeIsRejected) {
  bool is_busy = false;
  for (uint64_t i = 1; i <= 3; ++i) registered({i * 100 * kPage, 10 * kPage});
  const HostRange range{205 * kPage, kPage};
  table_.reject(range);
  const Step step = table_.next_unwanted(range, &is_busy);
  ASSERT_EQ(step.next, Next::unregister);
  EXPECT_EQ(step.pin->start, 200 * kPage);
  EXPECT_EQ(table_.unregistered(*step.pin, true).next, Next::nothing);
  EXPECT_EQ(table_.next_unwanted({0, UINT64_MAX}, &is_busy).next, Next::nothing);
  EXPECT_FALSE(is_busy);
  EXPECT_EQ(found({100 * kPage, 1}), Found::held);
  EXPECT_EQ(found({300 * kPage, 1}), Found::held);
}

TEST_F(HostPins, AClosedTableTakesNothingAndKeepsNothing) {
  bool is_busy = false;
  registered(kBlock);
  table_.close();
  EXPECT_EQ(table_.enter({500 * kPage, kPage}, kContext, kNoLimit), nullptr);
  const Step step = table_.next_unwanted({0, UINT64_MAX}, &is_busy);
  ASSERT_EQ(step.next, Next::unregister);
  EXPECT_EQ(table_.unregistered(*step.pin, true).next, Next::nothing);
}

TEST_F(HostPins, ATableThatIsClosedMeanwhileHasTheBlockUnregistered) {
  HostPin* pin = table_.enter(kBlock, kContext, kNoLimit);
  table_.close();
  table_.registered(*pin, true);
  EXPECT_EQ(table_.let_go(*pin).next, Next::unregister);
}

TEST_F(HostPins, ABlockThatIsFreedWhileItIsRegisteredIsKept) {
  HostPin* pin = table_.enter(kBlock, kContext, kNoLimit);
  EXPECT_TRUE(table_.set_aside(kBlock.address));
  table_.registered(*pin, false);
  const Step step = table_.let_go(*pin);
  EXPECT_EQ(step.next, Next::give_back);
  EXPECT_EQ(step.start, kBlock.address);
  EXPECT_FALSE(has_host_pins());
}

TEST_F(HostPins, RegistrationsEndWithTheirContext) {
  registered({100 * kPage, kPage});
  registered({200 * kPage, kPage});
  registered({300 * kPage, kPage}, kContext + 1);
  table_.set_aside(200 * kPage);
  const Step step = table_.next_of_ended(kContext);
  EXPECT_EQ(step.next, Next::give_back);
  EXPECT_EQ(step.start, 200 * kPage);
  EXPECT_EQ(table_.next_of_ended(kContext).next, Next::nothing);
  EXPECT_EQ(found({100 * kPage, 1}), Found::unknown) << "it may be registered anew";
  EXPECT_EQ(found({300 * kPage, 1}), Found::held);
  EXPECT_EQ(table_.next_of_ended(HostPinTable::kAnyContext).next, Next::nothing);
  EXPECT_FALSE(has_host_pins());
  EXPECT_EQ(table_.figures().registered_bytes, 0u);
  EXPECT_EQ(table_.figures().unregister_count, 0u);
}

TEST_F(HostPins, AContextThatEndsMeanwhileLeavesNothing) {
  HostPin* pin = table_.enter(kBlock, kContext, kNoLimit);
  EXPECT_EQ(table_.next_of_ended(kContext).next, Next::nothing);
  table_.registered(*pin, true);
  EXPECT_EQ(table_.let_go(*pin).next, Next::nothing);
  EXPECT_FALSE(has_host_pins());

  HostPin& other = registered(kBlock);
  table_.set_aside(kBlock.address);
  const Step step = table_.next_aside_beyond(0);
  EXPECT_EQ(table_.next_of_ended(kContext).next, Next::nothing);
  EXPECT_EQ(step.pin, &other);
  EXPECT_EQ(table_.unregistered(*step.pin, false).next, Next::give_back);
}

// Blocks come and go: what the table says of each is what was done with it.
TEST_F(HostPins, RandomLives) {
  enum class Life : uint8_t { none, live, aside, refused };
  constexpr size_t kBlocks = 40;
  std::mt19937 random(1);
  std::vector<Life> lives(kBlocks, Life::none);
  const auto block_at = [](size_t i) { return HostRange{(i + 1) * 100 * kPage, (1 + i % 7) * kPage}; };
  for (int round = 0; round < 100'000; ++round) {
    const size_t i = random() % kBlocks;
    const HostRange block = block_at(i);
    switch (random() % 5) {
      case 0: {
        HostPin* pin = table_.enter(block, kContext, kNoLimit);
        ASSERT_EQ(pin != nullptr, lives[i] == Life::none);
        if (pin == nullptr) break;
        const bool is_done = random() % 4 != 0;
        table_.registered(*pin, is_done);
        table_.let_go(*pin);
        lives[i] = is_done ? Life::live : Life::refused;
        break;
      }
      case 1:
        if (lives[i] == Life::aside) break;
        ASSERT_EQ(table_.set_aside(block.address), lives[i] == Life::live);
        lives[i] = lives[i] == Life::live ? Life::aside : Life::none;
        break;
      case 2: {
        const uint64_t start = table_.take_aside(block.bytes);
        if (start == 0) break;
        const size_t taken = start / (100 * kPage) - 1;
        ASSERT_EQ(lives[taken], Life::aside);
        lives[taken] = Life::live;
        break;
      }
      case 3: {
        const Step step = table_.next_aside_beyond(random() % 50 * kPage);
        if (step.next == Next::nothing) break;
        const Step next = table_.unregistered(*step.pin, true);
        ASSERT_EQ(next.next, Next::give_back);
        ASSERT_EQ(lives[next.start / (100 * kPage) - 1], Life::aside);
        lives[next.start / (100 * kPage) - 1] = Life::none;
        break;
      }
      default:
        ASSERT_EQ(table_.holds(block.address), lives[i] == Life::live || lives[i] == Life::aside);
    }
  }
  uint64_t registered_bytes = 0, aside_bytes = 0;
  for (size_t i = 0; i < kBlocks; ++i) {
    if (lives[i] == Life::live || lives[i] == Life::aside) registered_bytes += block_at(i).bytes;
    if (lives[i] == Life::aside) aside_bytes += block_at(i).bytes;
  }
  EXPECT_EQ(table_.figures().registered_bytes, registered_bytes);
  EXPECT_EQ(table_.figures().aside_bytes, aside_bytes);
}

}  // namespace
}  // namespace weir::cuda::pool
