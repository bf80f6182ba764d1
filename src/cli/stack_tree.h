// Stacks as a tree from the outermost call inwards: what stacks begin with alike is kept once, and equal stacks are one node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace weir::cli {

class StackTree {
 public:
  static constexpr uint32_t kRoot = 0;  // the stack of no frames

  StackTree() : nodes_(1), slots_(kFirstSlots, kRoot) {}

  // The stack that `item` goes on from that one. 16 to 24 bytes for a new one.
  uint32_t child(uint32_t parent, uint32_t item);
  uint32_t parent(uint32_t node) const { return nodes_[node].parent; }
  uint32_t item(uint32_t node) const { return nodes_[node].item; }
  size_t size() const { return nodes_.size(); }  // a node's number is larger than its parent's

  // Gives up what child() needs; it makes that anew where it is called all the same.
  void seal() { std::vector<uint32_t>().swap(slots_); }

  // Calls use(node, parent, item) for each stack but the root, by number, and gives back the memory of each as it goes.
  template <class Use>
  void drain(const Use& use) {
    seal();
    for (uint32_t node = 0; !nodes_.empty(); ++node) {
      const Node one = nodes_.front();
      nodes_.pop_front();
      if (node != kRoot) use(node, one.parent, one.item);
    }
    nodes_.resize(1);
  }

 private:
  static constexpr size_t kFirstSlots = 1024;

  struct Node {
    uint32_t parent = kRoot, item = 0;
  };
  size_t slot_of(uint32_t parent, uint32_t item) const;
  void make_slots(size_t count);

  std::deque<Node> nodes_;
  std::vector<uint32_t> slots_;  // nodes by parent and item; kRoot: free
};

}  // namespace weir::cli
