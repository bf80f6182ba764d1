#include "stack/child_cache.h"

#include <gtest/gtest.h>

#include <vector>

#include "stack/cache_growth.h"

namespace weir::stack {
namespace {

constexpr uintptr_t kCode = 0x560000000000;
const auto kModule = static_cast<core::ModuleId>(9);

FrameKey frame(uintptr_t number) { return frame_key(kCode + number, kModule); }

class ChildCacheTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cache_.create()); }
  void TearDown() override { cache_.release(); }

  NodeId child(NodeId parent, uintptr_t number, Place place = Place::further_out) {
    return cache_.child(parent, frame(number), place, ++clock_);
  }

  ChildCache cache_;
  uint64_t clock_ = 0;
};

TEST_F(ChildCacheTest, NodesAreTheTables) {
  for (uintptr_t i = 0; i < 500; ++i) {
    const NodeId outer = child(NodeId::complete_root, i);
    const NodeId inner = child(outer, i + 1, Place::innermost);
    EXPECT_EQ(outer, intern(NodeId::complete_root, frame(i)));
    EXPECT_EQ(inner, intern(outer, frame(i + 1)));
    EXPECT_EQ(child(NodeId::complete_root, i), outer);
    EXPECT_EQ(child(outer, i + 1), inner);
  }
}

TEST_F(ChildCacheTest, NothingIsUnderNone) { EXPECT_EQ(child(NodeId::none, 1), NodeId::none); }

TEST_F(ChildCacheTest, GrowsWhereKnownNodesArePushedOutAndNotWhereAllAreNew) {
  const uint64_t bytes_before = cache_.bytes();
  for (uintptr_t i = 0; i < 20'000; ++i) child(NodeId::complete_root, 20'000 + i);
  EXPECT_EQ(cache_.bytes(), bytes_before);
  for (int round = 0; round < 20; ++round) {
    for (uintptr_t i = 0; i < 2'000; ++i) child(NodeId::complete_root, 20'000 + i);
  }
  EXPECT_GT(cache_.bytes(), 8 * bytes_before);
}

TEST_F(ChildCacheTest, KnowsNothingAfterEmpty) {
  const NodeId node = child(NodeId::complete_root, 50'001);
  cache_.empty();
  EXPECT_EQ(child(NodeId::complete_root, 50'001), node);
}

TEST(CacheGrowth, GrowsOnlyWhereEvictionsAreDense) {
  CacheGrowth dense, sparse;
  constexpr uint64_t kCapacity = 64;
  bool dense_grows = false, sparse_grows = false;
  for (uint64_t i = 1; i <= 10 * kCapacity; ++i) {
    dense_grows |= dense.evicted(kCapacity, 15 * i);
    sparse_grows |= sparse.evicted(kCapacity, 17 * i);
  }
  EXPECT_TRUE(dense_grows);
  EXPECT_FALSE(sparse_grows);
}

}  // namespace
}  // namespace weir::stack
