// A thread's own cache of stack nodes by parent and frame, in front of the shared table. What it holds is compared in
// full and never becomes wrong: nodes live as long as the process. Inside src/stack only.
#pragma once

#include <cstdint>
#include <span>

#include "core/arena.h"
#include "stack/cache_growth.h"
#include "stack/stack_nodes.h"

namespace weir::stack {

class ChildCache {
 public:
  // False where there is no memory.
  bool create() { return resize(kFirstLog); }
  void release() { core::arena_release(entries_, bytes()); }

  // The node of `frame` under `parent` where this cache has it, else none. Cost: about 10 instructions.
  NodeId find(NodeId parent, FrameKey frame) const {
    const Entry& entry = entries_[index_of(parent, frame)];
    return entry.frame == frame && entry.parent == parent ? entry.node : NodeId::none;
  }

  // The node of `frame` under `parent`, interned where new; none where there is no memory or parent is none. `clock`
  // counts captures. Cost: about 12 instructions where it is known.
  [[gnu::always_inline]] NodeId child(NodeId parent, FrameKey frame, Place place, const uint64_t clock) {
    const NodeId known = find(parent, frame);
    return known != NodeId::none ? known : find_slowly(parent, frame, place, clock);
  }

  // The nodes of a row of new frames, as intern_row() makes them. They are not cached: most are not met again soon.
  uint32_t make_row(NodeId parent, std::span<const FrameKey> frames, Place place, NodeId* nodes) {
    const uint32_t made = intern_row(parent, frames, place, nodes);
    for (uint32_t i = 0; i < made; ++i) note_made(nodes[i]);
    return made;
  }

  // Nothing is known, and the memory is the kernel's until something is.
  void empty() { core::arena_clear(entries_, bytes()); }

  uint64_t bytes() const { return sizeof(Entry) << log_; }

 private:
  struct Entry {
    FrameKey frame;
    NodeId parent;
    NodeId node;
  };
  static constexpr uint32_t kFirstLog = 6, kLargestLog = 13;  // 1 to 128 KiB

  uint64_t index_of(NodeId parent, FrameKey frame) const {
    constexpr uint64_t kParents = 0xff51afd7ed558ccd, kGolden = 0x9e3779b97f4a7c15;
    return ((static_cast<uint64_t>(frame) ^ static_cast<uint64_t>(parent) * kParents) * kGolden) >> (64 - log_);
  }
  [[gnu::noinline]] NodeId find_slowly(NodeId parent, FrameKey frame, Place place, uint64_t clock);
  bool resize(uint32_t log);

  // Nodes of either kind have rising numbers. True where it is the highest of its kind.
  bool note_made(NodeId node) {
    NodeId& highest = highest_[has_stack(node)];
    const bool is_new = node > highest;
    if (is_new) highest = node;
    return is_new;
  }

  Entry* entries_ = nullptr;
  uint32_t log_ = 0;
  NodeId highest_[2] = {};  // of nodes made further out and innermost
  CacheGrowth growth_;
};

}  // namespace weir::stack
