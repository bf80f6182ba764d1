// How capture makes stacks: nodes interned from the outermost frame inwards. Inside src/stack only; stack_table.h is
// what others read.
#pragma once

#include <cstdint>
#include <span>

#include "core/ids.h"

namespace weir::stack {

// A node stands for its frame and everything outside it.
enum class NodeId : uint32_t { none = 0, complete_root = 1, truncated_root = 2 };

// In the id of a node that was made as a stack's innermost: the rest of the id is that stack's.
inline constexpr uint32_t kStackBit = 1U << 26;
inline bool has_stack(NodeId node) { return (static_cast<uint32_t>(node) & kStackBit) != 0; }

// One frame's identity: address (bits 0-46), exact (bit 47), module (bits 48-63).
enum class FrameKey : uint64_t {};

inline constexpr uint64_t kExactBit = uint64_t{1} << 47;

inline FrameKey frame_key(uintptr_t ip, core::ModuleId module, bool exact = false) {
  return static_cast<FrameKey>((ip & (kExactBit - 1)) | (exact ? kExactBit : 0) |
                               uint64_t{core::index_of(module)} << 48);
}
inline uintptr_t ip_of(FrameKey key) { return static_cast<uint64_t>(key) & (kExactBit - 1); }
inline core::ModuleId module_of(FrameKey key) { return static_cast<core::ModuleId>(static_cast<uint64_t>(key) >> 48); }

// Whether the frame is the one that `ip` returns to; of a frame under a signal handler never.
inline bool is_return_to(FrameKey key, uintptr_t ip) { return (static_cast<uint64_t>(key) ^ ip) << 16 == 0; }

// Whether a frame is its stack's innermost one, of which stack_of() will be asked.
enum class Place : bool { further_out, innermost };

// The node of `frame` under `parent`, made if new: readers take no lock. none where there is no memory, or parent is
// none. `place` tells where a new node is best kept; any node may be a stack's innermost and further out in another.
NodeId intern(NodeId parent, FrameKey frame, Place place = Place::further_out);

// The same for a row of frames, each under the one before, where `parent` is the node that was made last, and so has no children
// yet: they are all new, and made at once. How many were made; fewer than asked where there is no memory or another thread was faster.
// `place`: of the last frame.
uint32_t intern_row(NodeId parent, std::span<const FrameKey> frames, Place place, NodeId* nodes);

// Whether intern_row() is likely to make nodes under it. Cost: a load.
bool is_last_made(NodeId node);

// Has what intern() will look at first brought to the cache, and does not wait for it. Cost: about 50 instructions.
void fetch_child(NodeId parent, FrameKey frame);

// The dense id of the stack whose innermost frame is `node`, given at first sight; unknown for none and without memory.
// Cost: a few instructions for a node made as innermost; else a look-up.
core::StackId stack_of(NodeId node);

// Calls visit(key) innermost first while it returns true; the root reached, or none where visit stopped.
template <class Visit>
NodeId visit_frames(core::StackId stack, Visit visit);

struct NodeView {
  FrameKey key;
  NodeId parent;
};
NodeView view_of(NodeId node);
NodeId leaf_of(core::StackId stack);  // none for an unknown id

template <class Visit>
NodeId visit_frames(core::StackId stack, Visit visit) {
  NodeId node = leaf_of(stack);
  while (node > NodeId::truncated_root) {
    const NodeView view = view_of(node);
    if (!visit(view.key)) return NodeId::none;
    node = view.parent;
  }
  return node;
}

// The key of the node hash: multiplier 0 makes every look-up collide, for tests. Only while no node exists.
void set_node_hash_for_test(uint64_t multiplier);

// Draws the hash key from the kernel's random bytes for this process; no effect once a node exists.
void seed_stack_table();

void stack_table_reset_after_fork();

}  // namespace weir::stack
