#include "cli/stack_tree.h"

#include <algorithm>

namespace weir::cli {
namespace {

uint64_t hash_of(uint32_t parent, uint32_t item) {
  uint64_t mixed = (uint64_t{parent} << 32 | item) * 0x9e3779b97f4a7c15U;  // 2^64 / the golden ratio
  mixed ^= mixed >> 32;
  return mixed * 0xd6e8feb86659fd93U >> 16;
}

}  // namespace

size_t StackTree::slot_of(uint32_t parent, uint32_t item) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = hash_of(parent, item) & mask;
  while (slots_[slot] != kRoot) {
    const Node& node = nodes_[slots_[slot]];
    if (node.parent == parent && node.item == item) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

uint32_t StackTree::child(uint32_t parent, uint32_t item) {
  while (nodes_.size() * 4 >= slots_.size() * 3) make_slots(std::max(slots_.size() * 2, kFirstSlots));
  const size_t slot = slot_of(parent, item);
  if (slots_[slot] != kRoot) return slots_[slot];
  nodes_.push_back({parent, item});
  return slots_[slot] = static_cast<uint32_t>(nodes_.size() - 1);
}

void StackTree::make_slots(size_t count) {
  seal();  // before the new ones are made
  slots_.assign(count, kRoot);
  if (nodes_.size() * 4 >= count * 3) return;  // more are made at once
  for (size_t node = 1; node < nodes_.size(); ++node)
    slots_[slot_of(nodes_[node].parent, nodes_[node].item)] = static_cast<uint32_t>(node);
}

}  // namespace weir::cli
