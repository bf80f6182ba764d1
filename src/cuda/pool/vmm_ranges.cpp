#include "cuda/pool/vmm_ranges.h"

#include "core/arena.h"

namespace weir::cuda::pool {
namespace {

template <class Node>
void insert(Node** tree, Node* node) {
  node->left = node->right = nullptr;
  Node* below;
  Node* above;
  core::split_tree(*tree, node->key(), &below, &above);
  *tree = core::join_trees(core::join_trees(below, node), above);
}

Range* range_of(ByAddress* node) { return static_cast<Range*>(node); }
Range* range_of(BySize* node) { return static_cast<Range*>(node); }

}  // namespace

BySize*& VmmRanges::by_size(RangeState state) { return state == RangeState::hole ? holes_ : free_; }

// ---- Records ----

Range* VmmRanges::make(Address address, uint64_t bytes, RangeState state) {
  Range* range = core::arena_array<Range>(1);
  if (range == nullptr) return nullptr;
  range->address = address;
  range->bytes = bytes;
  range->state = state;
  range->ByAddress::priority = priorities_.next();
  range->BySize::priority = priorities_.next();
  return range;
}

void VmmRanges::link(Range* range) {
  insert<ByAddress>(&all_, range);
  if (is_by_size(range->state)) insert<BySize>(&by_size(range->state), range);
  bytes_[static_cast<size_t>(range->state)] += range->bytes;
  ++counts_[static_cast<size_t>(range->state)];
  if (range->state == RangeState::free) whole_free_bytes_ += whole_bytes(*range);
}

void VmmRanges::unlink(Range* range) {
  core::take_from_tree<ByAddress>(&all_, range->address);
  if (is_by_size(range->state)) core::take_from_tree<BySize>(&by_size(range->state), range->BySize::key());
  bytes_[static_cast<size_t>(range->state)] -= range->bytes;
  --counts_[static_cast<size_t>(range->state)];
  if (range->state == RangeState::free) whole_free_bytes_ -= whole_bytes(*range);
}

uint64_t VmmRanges::whole_bytes(const Range& range) const {
  const Address start = (range.address + chunk_bytes_ - 1) & ~(chunk_bytes_ - 1);
  const Address end = range.end() & ~(chunk_bytes_ - 1);
  return start < end ? end - start : 0;
}

void VmmRanges::put_behind(Range* range, Range* other) {
  other->before = range;
  other->after = range->after;
  if (range->after != nullptr) range->after->before = other;
  range->after = other;
}

// ---- Changes ----

bool VmmRanges::add(Address address, uint64_t bytes) {
  Range* range = make(address, bytes, RangeState::hole);
  if (range == nullptr) return false;
  link(range);
  return true;
}

Range* VmmRanges::set(Range* range, Address address, uint64_t bytes, RangeState state) {
  const uint64_t low_bytes = address - range->address;
  const uint64_t high_bytes = range->end() - (address + bytes);
  // Both records before anything changes.
  Range* high = high_bytes == 0 ? nullptr : make(address + bytes, high_bytes, range->state);
  Range* low = low_bytes == 0 ? nullptr : make(range->address, low_bytes, range->state);
  if ((high_bytes != 0 && high == nullptr) || (low_bytes != 0 && low == nullptr)) {
    core::arena_release(high, sizeof(Range));
    core::arena_release(low, sizeof(Range));
    return nullptr;
  }
  unlink(range);
  if (low != nullptr) {
    low->before = range->before;
    low->after = range;
    if (range->before != nullptr) range->before->after = low;
    range->before = low;
    link(low);
  }
  if (high != nullptr) {
    put_behind(range, high);
    link(high);
  }
  range->address = address;
  range->bytes = bytes;
  range->state = state;
  range->asked_bytes = 0;
  return join(range);
}

// `range` is in no tree yet.
Range* VmmRanges::join(Range* range) {
  const auto joins = [](const Range* one, const Range* other) {
    return other != nullptr && other->state == one->state && is_by_size(one->state);
  };
  if (Range* after = range->after; joins(range, after)) {
    unlink(after);
    absorb(range, after);
  }
  if (Range* before = range->before; joins(range, before)) {
    unlink(before);
    absorb(before, range);
    range = before;
  }
  link(range);
  return range;
}

// Both are in no tree.
void VmmRanges::absorb(Range* range, Range* next) {
  range->bytes += next->bytes;
  range->after = next->after;
  if (next->after != nullptr) next->after->before = range;
  core::arena_release(next, sizeof(Range));
}

void VmmRanges::clear() {
  for (ByAddress* node = core::list_of_tree(all_); node != nullptr;) {
    Range* range = range_of(node);
    node = node->right;
    core::arena_release(range, sizeof(Range));
  }
  abandon();
}

void VmmRanges::abandon() {
  all_ = nullptr;
  holes_ = free_ = nullptr;
  for (uint64_t& bytes : bytes_) bytes = 0;
  for (uint64_t& count : counts_) count = 0;
  whole_free_bytes_ = 0;
}

// ---- Look-ups ----

Range* VmmRanges::at(Address address) const {
  ByAddress* node = core::node_at_or_below(all_, address);
  if (node == nullptr) return nullptr;
  Range* range = range_of(node);
  return address - range->address < range->bytes ? range : nullptr;
}

Range* VmmRanges::following(Address address) const {
  ByAddress* node = core::node_at_or_above(all_, address);
  return node == nullptr ? nullptr : range_of(node);
}

Range* VmmRanges::best(RangeState state, uint64_t bytes) const {
  BySize* node = core::node_at_or_above(by_size(state), SizeKey{bytes} << 64);
  return node == nullptr ? nullptr : range_of(node);
}

Range* VmmRanges::next_larger(const Range& range) const {
  BySize* node = core::node_at_or_above(by_size(range.state), range.BySize::key() + 1);
  return node == nullptr ? nullptr : range_of(node);
}

Range* VmmRanges::largest(RangeState state) const {
  BySize* node = by_size(state);
  if (node == nullptr) return nullptr;
  while (node->right != nullptr) node = node->right;
  return range_of(node);
}

}  // namespace weir::cuda::pool
