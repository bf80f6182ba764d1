// A balanced tree of the caller's nodes, ordered by an unsigned key that no two share: a treap. Expected depth 2 ln n: about 25 for
// 100,000 nodes. Nothing here locks or allocates.
//
// A Node has key(), of an unsigned type of any width, left, right (in a list of nodes: the next) and priority (random; a parent's is
// the higher).
#pragma once

#include <cstdint>
#include <utility>

namespace weir::core {

template <class Node>
using KeyOf = decltype(std::declval<const Node&>().key());

// Parts `tree` into the nodes that have a key below `key` and the others.
template <class Node>
void split_tree(Node* tree, KeyOf<Node> key, Node** below, Node** others) {
  while (tree != nullptr) {
    if (tree->key() < key) {
      *below = tree;
      below = &tree->right;
      tree = tree->right;
    } else {
      *others = tree;
      others = &tree->left;
      tree = tree->left;
    }
  }
  *below = nullptr;
  *others = nullptr;
}

// Every node of `low` has a key below every node of `high`.
template <class Node>
Node* join_trees(Node* low, Node* high) {
  Node* tree = nullptr;
  Node** link = &tree;
  while (low != nullptr && high != nullptr) {
    if (low->priority > high->priority) {
      *link = low;
      link = &low->right;
      low = low->right;
    } else {
      *link = high;
      link = &high->left;
      high = high->left;
    }
  }
  *link = low != nullptr ? low : high;
  return tree;
}

// Turns a tree into a list by ascending key, linked by `right`.
template <class Node>
Node* list_of_tree(Node* tree) {
  Node* first = nullptr;
  Node** link = &first;
  while (tree != nullptr) {
    if (Node* left = tree->left) {
      tree->left = left->right;
      left->right = tree;
      tree = left;
    } else {
      *link = tree;
      link = &tree->right;
      tree = tree->right;
    }
  }
  *link = nullptr;
  return first;
}

// The last node whose key is at or below `key`; nullptr if there is none.
template <class Node>
Node* node_at_or_below(Node* tree, KeyOf<Node> key) {
  Node* best = nullptr;
  while (tree != nullptr) {
    if (tree->key() <= key) {
      best = tree;
      tree = tree->right;
    } else {
      tree = tree->left;
    }
  }
  return best;
}

// The first node whose key is at or above `key`; nullptr if there is none.
template <class Node>
Node* node_at_or_above(Node* tree, KeyOf<Node> key) {
  Node* best = nullptr;
  while (tree != nullptr) {
    if (tree->key() >= key) {
      best = tree;
      tree = tree->left;
    } else {
      tree = tree->right;
    }
  }
  return best;
}

// The only node of that key taken out of the tree; nullptr if there is none.
template <class Node>
Node* take_from_tree(Node** tree, KeyOf<Node> key) {
  Node* below;
  Node* found;
  Node* above;
  split_tree(*tree, key, &below, &found);
  above = nullptr;
  if (found != nullptr && key != static_cast<KeyOf<Node>>(-1)) split_tree(found, key + 1, &found, &above);
  *tree = join_trees(below, above);
  return found;
}

// Random enough for priorities: xorshift32.
class PrioritySource {
 public:
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

 private:
  uint32_t state_ = 0x9e3779b9U;
};

}  // namespace weir::core
