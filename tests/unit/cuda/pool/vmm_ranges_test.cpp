#include "cuda/pool/vmm_ranges.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace weir::cuda::pool {
namespace {

constexpr Address kBase = 0x700000000000;
constexpr uint64_t kBytes = 1 << 20;

class VmmRangesTest : public testing::Test {
 protected:
  void TearDown() override { ranges_.clear(); }
  // The range there becomes one of so many bytes in that state.
  Range* make(Address address, uint64_t bytes, RangeState state) {
    return ranges_.set(ranges_.at(address), address, bytes, state);
  }
  VmmRanges ranges_;
};

TEST_F(VmmRangesTest, APartIsCutOutOfTheMiddle) {
  ASSERT_TRUE(ranges_.add(kBase, kBytes));
  const Range* block = make(kBase + 1024, 512, RangeState::live);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->address, kBase + 1024);
  EXPECT_EQ(block->bytes, 512u);
  EXPECT_EQ(block->before->bytes, 1024u);
  EXPECT_EQ(block->after->bytes, kBytes - 1536);
  EXPECT_EQ(ranges_.bytes(RangeState::hole), kBytes - 512);
  EXPECT_EQ(ranges_.count(RangeState::hole), 2u);
  EXPECT_EQ(ranges_.at(kBase + 1535), block);
  EXPECT_NE(ranges_.at(kBase + 1536), block);
  EXPECT_EQ(ranges_.at(kBase - 1), nullptr);
  EXPECT_EQ(ranges_.at(kBase + kBytes), nullptr);
}

TEST_F(VmmRangesTest, FreeNeighboursJoinAndLiveOnesDoNot) {
  ASSERT_TRUE(ranges_.add(kBase, kBytes));
  ASSERT_NE(make(kBase, kBytes, RangeState::free), nullptr);
  for (Address at = kBase; at < kBase + 4 * 512; at += 512) ASSERT_NE(make(at, 512, RangeState::live), nullptr);
  EXPECT_EQ(ranges_.count(RangeState::live), 4u);
  const auto release = [&](unsigned block) { return ranges_.set(ranges_.at(kBase + block * 512), RangeState::free); };
  EXPECT_EQ(release(1)->bytes, 512u);
  EXPECT_EQ(release(0)->bytes, 1024u);             // with the one behind
  EXPECT_EQ(release(3)->bytes, kBytes - 3 * 512);  // with the rest
  const Range* all = release(2);                   // with both
  EXPECT_EQ(all->address, kBase);
  EXPECT_EQ(all->bytes, kBytes);
  EXPECT_EQ(ranges_.count(RangeState::free), 1u);
}

TEST_F(VmmRangesTest, WhatWasAddedApartDoesNotJoin) {
  ASSERT_TRUE(ranges_.add(kBase, kBytes));
  ASSERT_TRUE(ranges_.add(kBase + kBytes, kBytes));
  EXPECT_EQ(ranges_.count(RangeState::hole), 2u);
  ASSERT_NE(make(kBase, kBytes, RangeState::free), nullptr);
  ASSERT_NE(make(kBase + kBytes, kBytes, RangeState::free), nullptr);
  EXPECT_EQ(ranges_.count(RangeState::free), 2u);
}

TEST_F(VmmRangesTest, TheSmallestThatFitsIsBestAndOfEqualOnesTheLowest) {
  ASSERT_TRUE(ranges_.add(kBase, kBytes));
  make(kBase + 0x1000, 2048, RangeState::free);
  make(kBase + 0x3000, 1024, RangeState::free);
  make(kBase + 0x5000, 1024, RangeState::free);
  EXPECT_EQ(ranges_.best(RangeState::free, 600)->address, kBase + 0x3000);
  EXPECT_EQ(ranges_.best(RangeState::free, 1024)->address, kBase + 0x3000);
  EXPECT_EQ(ranges_.best(RangeState::free, 1025)->address, kBase + 0x1000);
  EXPECT_EQ(ranges_.best(RangeState::free, 2049), nullptr);
  EXPECT_EQ(ranges_.largest(RangeState::free)->address, kBase + 0x1000);
  const Range* smallest = ranges_.best(RangeState::free, 1);
  EXPECT_EQ(ranges_.next_larger(*smallest)->address, kBase + 0x5000);
  EXPECT_EQ(ranges_.next_larger(*ranges_.next_larger(*smallest))->address, kBase + 0x1000);
  EXPECT_EQ(ranges_.next_larger(*ranges_.largest(RangeState::free)), nullptr);
}

// The same as plain lists say it: every range by its address.
class Model {
 public:
  struct Piece {
    uint64_t bytes;
    RangeState state;
  };
  void add(Address address, uint64_t bytes) {
    pieces[address] = {bytes, RangeState::hole};
    starts_.push_back(address);
  }
  void set(Address address, uint64_t bytes, RangeState state) {
    auto piece = std::prev(pieces.upper_bound(address));
    const auto [start, old] = *piece;
    pieces.erase(piece);
    if (start != address) pieces[start] = {address - start, old.state};
    if (start + old.bytes != address + bytes)
      pieces[address + bytes] = {start + old.bytes - address - bytes, old.state};
    pieces[address] = {bytes, state};
    if (state != RangeState::hole && state != RangeState::free) return;
    join(address);
    if (const auto found = pieces.find(address); found != pieces.begin()) join(std::prev(found)->first);
  }
  Address best(RangeState state, uint64_t bytes) const {
    std::pair<uint64_t, Address> best{UINT64_MAX, 0};
    for (const auto& [address, piece] : pieces) {
      if (piece.state == state && piece.bytes >= bytes) best = std::min(best, {piece.bytes, address});
    }
    return best.second;
  }
  std::map<Address, Piece> pieces;

 private:
  // With the one behind it.
  void join(Address address) {
    const auto piece = pieces.find(address);
    const auto next = std::next(piece);
    if (next == pieces.end() || next->second.state != piece->second.state) return;
    if (piece->second.state != RangeState::hole && piece->second.state != RangeState::free) return;
    if (address + piece->second.bytes != next->first) return;
    for (const Address start : starts_) {
      if (start == next->first) return;
    }
    piece->second.bytes += next->second.bytes;
    pieces.erase(next);
  }
  std::vector<Address> starts_;
};

void expect_equal(const VmmRanges& ranges, const Model& model) {
  uint64_t bytes[kRangeStates] = {};
  uint64_t counts[kRangeStates] = {};
  for (const auto& [address, piece] : model.pieces) {
    const Range* range = ranges.at(address);
    ASSERT_NE(range, nullptr);
    ASSERT_EQ(range->address, address);
    ASSERT_EQ(range->bytes, piece.bytes);
    ASSERT_EQ(range->state, piece.state);
    ASSERT_EQ(ranges.at(range->end() - 1), range);
    ASSERT_TRUE(range->after == nullptr || range->after->before == range);
    bytes[static_cast<size_t>(piece.state)] += piece.bytes;
    ++counts[static_cast<size_t>(piece.state)];
  }
  for (size_t state = 0; state < kRangeStates; ++state) {
    ASSERT_EQ(ranges.bytes(static_cast<RangeState>(state)), bytes[state]);
    ASSERT_EQ(ranges.count(static_cast<RangeState>(state)), counts[state]);
  }
}

TEST_F(VmmRangesTest, AnyOrderOfChangesGivesWhatAPlainModelSays) {
  constexpr int kOperations = 200'000;
  constexpr int kBetweenComparisons = 1000;
  constexpr int kReservations = 3;
  std::mt19937_64 random(5);
  Model model;
  for (int i = 0; i < kReservations; ++i) {  // two of them side by side
    const Address base = kBase + (i == 2 ? 4 : static_cast<uint64_t>(i)) * kBytes;
    ASSERT_TRUE(ranges_.add(base, kBytes));
    model.add(base, kBytes);
  }
  for (int i = 0; i < kOperations; ++i) {
    Address from = kBase + random() % (5 * kBytes / 512) * 512;
    const Range* range = ranges_.at(from);
    const auto state = static_cast<RangeState>(random() % kRangeStates);
    if (i % 3 == 0) {  // by size
      const uint64_t wanted = (1 + random() % 64) * 512;
      const RangeState which = random() % 2 == 0 ? RangeState::free : RangeState::hole;
      range = ranges_.best(which, wanted);
      ASSERT_EQ(range == nullptr ? 0 : range->address, model.best(which, wanted));
      if (range != nullptr) from = range->address;
    }
    if (range == nullptr) continue;
    const uint64_t most = (range->end() - from) / 512;
    const uint64_t bytes = random() % 4 == 0 ? most * 512 : (1 + random() % std::min<uint64_t>(most, 40)) * 512;
    if (range->state == state) continue;
    const Range* result = ranges_.set(ranges_.at(from), from, bytes, state);
    ASSERT_NE(result, nullptr);
    ASSERT_LE(result->address, from);
    ASSERT_GE(result->end(), from + bytes);
    model.set(from, bytes, state);
    if (i % kBetweenComparisons != 0) continue;
    ASSERT_NO_FATAL_FAILURE(expect_equal(ranges_, model));
  }
  ASSERT_NO_FATAL_FAILURE(expect_equal(ranges_, model));
  EXPECT_GT(model.pieces.size(), 100u);  // it was no single range all along
}

}  // namespace
}  // namespace weir::cuda::pool
