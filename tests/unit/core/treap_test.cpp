#include "core/treap.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>

namespace weir::core {
namespace {

struct Node {
  uint64_t value;
  Node* left;
  Node* right;
  uint32_t priority;
  uint64_t key() const { return value; }
};

class Treap : public testing::Test {
 protected:
  void insert(uint64_t value) {
    nodes_.push_back({value, nullptr, nullptr, priorities_.next()});
    Node* below;
    Node* others;
    split_tree(tree_, value, &below, &others);
    tree_ = join_trees(join_trees(below, &nodes_.back()), others);
    values_.insert(value);
  }

  std::deque<Node> nodes_;
  PrioritySource priorities_;
  Node* tree_ = nullptr;
  std::set<uint64_t> values_;
};

TEST_F(Treap, IsASetInOrder) {
  for (uint64_t i = 0; i < 5000; ++i) insert(i * 2654435761 % 100'003);
  for (uint64_t key = 0; key < 100'010; key += 7) {
    const Node* below = node_at_or_below(tree_, key);
    const Node* above = node_at_or_above(tree_, key);
    auto next = values_.lower_bound(key);
    EXPECT_EQ(above == nullptr, next == values_.end());
    if (above != nullptr) EXPECT_EQ(above->value, *next);
    if (next == values_.end() || *next != key) {
      EXPECT_EQ(below == nullptr, next == values_.begin());
      if (below != nullptr) EXPECT_EQ(below->value, *std::prev(next));
    } else {
      EXPECT_EQ(below->value, key);
    }
  }
}

TEST_F(Treap, GivesUpOneNode) {
  for (uint64_t i = 0; i < 100; ++i) insert(i * 10);
  EXPECT_EQ(take_from_tree(&tree_, 55), nullptr);
  Node* taken = take_from_tree(&tree_, 500);
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->value, 500u);
  EXPECT_EQ(node_at_or_above(tree_, 500)->value, 510u);
  EXPECT_EQ(take_from_tree(&tree_, 500), nullptr);
}

TEST_F(Treap, HoldsTheHighestKey) {
  insert(UINT64_MAX);
  insert(0);
  EXPECT_EQ(take_from_tree(&tree_, UINT64_MAX)->value, UINT64_MAX);
  EXPECT_EQ(take_from_tree(&tree_, 0)->value, 0u);
  EXPECT_EQ(tree_, nullptr);
}

TEST_F(Treap, BecomesAListInOrder) {
  for (uint64_t i = 0; i < 1000; ++i) insert(i * 7919 % 10'007);
  auto expected = values_.begin();
  for (const Node* node = list_of_tree(tree_); node != nullptr; node = node->right) EXPECT_EQ(node->value, *expected++);
  EXPECT_EQ(expected, values_.end());
}

}  // namespace
}  // namespace weir::core
