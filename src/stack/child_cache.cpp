#include "stack/child_cache.h"

namespace weir::stack {

NodeId ChildCache::find_slowly(NodeId parent, FrameKey frame, Place place, uint64_t clock) {
  const NodeId node = intern(parent, frame, place);
  if (node == NodeId::none) return node;
  Entry& entry = entries_[index_of(parent, frame)];
  const bool evicts = entry.node != NodeId::none;
  entry = {frame, parent, node};
  const bool is_new = note_made(node);  // which would be in no cache, whatever its size
  if (evicts && !is_new && growth_.evicted(uint64_t{1} << log_, clock) && log_ < kLargestLog) resize(log_ + 1);
  return node;
}

// Begins empty: what is in use comes back sooner than it could be moved.
bool ChildCache::resize(uint32_t log) {
  auto* entries = core::arena_array<Entry>(size_t{1} << log);
  if (entries == nullptr) return false;
  Entry* outgrown = entries_;
  const uint64_t outgrown_bytes = bytes();
  entries_ = entries;
  log_ = log;
  if (outgrown != nullptr) core::arena_discard(outgrown, outgrown_bytes);  // last: see ensure_capacity
  return true;
}

}  // namespace weir::stack
