#include "cli/stack_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>

namespace weir::cli {
namespace {

TEST(StackTree, EqualStacksAreOneNode) {
  StackTree tree;
  const uint32_t outer = tree.child(StackTree::kRoot, 7), inner = tree.child(outer, 7);
  EXPECT_NE(outer, inner);
  EXPECT_EQ(tree.child(StackTree::kRoot, 7), outer);
  EXPECT_EQ(tree.child(outer, 7), inner);
  EXPECT_EQ(tree.parent(inner), outer);
  EXPECT_EQ(tree.item(inner), 7U);
  EXPECT_EQ(tree.size(), 3U);
}

TEST(StackTree, AsManyNodesAsPairsAlsoAfterSealing) {
  StackTree tree;
  std::mt19937 random(1);
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> known;
  for (int i = 0; i < 100'000; ++i) {
    if (i % 30'000 == 29'999) tree.seal();
    const auto parent = static_cast<uint32_t>(random() % tree.size());
    const auto item = static_cast<uint32_t>(random() % 50);
    const uint32_t node = tree.child(parent, item);
    const auto [place, is_new] = known.try_emplace({parent, item}, node);
    ASSERT_EQ(place->second, node);
    ASSERT_LT(parent, node);
  }
  EXPECT_EQ(tree.size(), known.size() + 1);
}

}  // namespace
}  // namespace weir::cli
