#include "stack/stack_table.h"

#include <sys/auxv.h>

#include <atomic>
#include <cstring>

#include "core/large_table.h"
#include "core/spin_lock.h"
#include "stack/chunked_array.h"
#include "stack/frame_codes.h"
#include "stack/paged_index.h"
#include "stack/stack_nodes.h"

namespace weir::stack {
namespace {

// A node in a word: the code of its frame above its parent's id. Of the two arrays of nodes one has those that were met as
// the innermost frame of a stack: their place in it is the stack's id, which needs no room of its own.
//
// A new node has no children, so that those of a new stack are made in a row, each under the one before. Where no other node was
// made in between, the first child of an inner node lies behind it, or its id where it is a stack's innermost: it is found there and
// nowhere else. All others are found by an index. Where nothing lies behind an inner node yet, it has no children.
using Node = std::atomic<uint64_t>;

constexpr int kParentBits = PagedIndex::kNumberBits;
static_assert(kParentBits + kFrameCodeBits == 64);
constexpr uint64_t kParentMask = (uint64_t{1} << kParentBits) - 1;
static_assert(kStackBit == 1U << (kParentBits - 1));
constexpr uint32_t kFirstNode = 3;  // after the two roots
constexpr uint32_t kNodesAChunk = 1024;

WEIR_LARGE_TABLE EvenlyChunkedArray<Node, kNodesAChunk, kStackBit> inner_nodes;
WEIR_LARGE_TABLE EvenlyChunkedArray<Node, kNodesAChunk, core::kMostStacks> stack_nodes;
std::atomic<uint32_t> next_node{kFirstNode};  // its place is reserved, once there is a node before it
std::atomic<uint32_t> first_child_ids{0};     // of the inner ids: of no nodes
std::atomic<uint32_t> stacks{0};
std::atomic<uint64_t> additions{0};  // of nodes, done: whoever read this and did not find one then need not look again
core::SpinLock table_lock;

uint64_t hash_key = 0x243f6a8885a308d3;
uint64_t hash_multiplier = 0x9e3779b97f4a7c15;

Node& node_at(uint32_t id) { return (id & kStackBit) != 0 ? stack_nodes[id ^ kStackBit] : inner_nodes[id]; }

uint64_t word_of(uint32_t id) { return node_at(id).load(std::memory_order_relaxed); }
NodeId parent_of(uint64_t word) { return static_cast<NodeId>(word & kParentMask); }
uint64_t node_word(NodeId parent, uint64_t frame_code) {
  return frame_code << kParentBits | static_cast<uint32_t>(parent);
}

// Where a stack ends in a node that was met further out in another one first: a node of no frame below it.
bool is_ending(uint64_t word) { return word >> kParentBits == kNoFrameCode; }

// What lies behind an inner node where its first child is a stack's innermost: that one's id, which is no node's word.
bool is_id_of_first_child(uint64_t word) { return word >> kParentBits == kNoFrameCode && (word & kStackBit) != 0; }

uint64_t hash_of(uint64_t word) {
  uint64_t hash = (word ^ hash_key) * hash_multiplier;
  hash = (hash ^ hash >> 32) * hash_multiplier;
  return hash ^ hash >> 29;
}

struct NumberedNodes {
  static void fetch(uint32_t id) { __builtin_prefetch(&node_at(id)); }
  static uint64_t hash_of(uint32_t id) { return stack::hash_of(word_of(id)); }
};

PagedIndex node_index;

// The index may ask of an id that was never given.
bool is_node(uint32_t id) {
  if ((id & kStackBit) != 0) return (id ^ kStackBit) - 1 < stacks.load(std::memory_order_acquire);
  return id - kFirstNode < next_node.load(std::memory_order_acquire) - kFirstNode;
}

// Whether `id` has a place behind it for its first child. Cost of looking there: a load next to the node.
bool may_have_first_child(NodeId id) { return id > NodeId::truncated_root && !has_stack(id); }

uint64_t word_behind(NodeId id) { return inner_nodes[static_cast<uint32_t>(id) + 1].load(std::memory_order_acquire); }

NodeId find_in_index(uint64_t word, uint64_t hash) {
  return static_cast<NodeId>(node_index.find(hash, [word](uint32_t id) { return is_node(id) && word_of(id) == word; }));
}

NodeId find_node(uint64_t word) {
  const NodeId parent = parent_of(word);
  if (may_have_first_child(parent)) {
    const uint64_t behind = word_behind(parent);
    if (behind == 0) return NodeId::none;
    if (behind == word) return static_cast<NodeId>(static_cast<uint32_t>(parent) + 1);
    if (is_id_of_first_child(behind) && word_of(static_cast<uint32_t>(behind)) == word)
      return static_cast<NodeId>(behind);
  }
  return find_in_index(word, hash_of(word));
}

// The writers' steps, under the lock. A fork between any two leaves the child a consistent table: a node is whole before it
// counts or can be found; what it was not yet found by in the parent process makes it another one in the child.

bool has_room_behind(NodeId parent) {
  return may_have_first_child(parent) && static_cast<uint32_t>(parent) + 1 == next_node.load(std::memory_order_relaxed);
}

// Puts an inner node, or the id of a first child, into the next place, and reserves the one behind. False where there is no memory.
bool put_inner(uint64_t word) {
  const uint32_t id = next_node.load(std::memory_order_relaxed);
  if (!inner_nodes.reserve(id) || !inner_nodes.reserve(id + 1)) return false;
  inner_nodes[id].store(word, std::memory_order_release);
  next_node.store(id + 1, std::memory_order_release);
  return true;
}

NodeId add_inner(uint64_t word, bool behind_parent) {
  const uint32_t id = next_node.load(std::memory_order_relaxed);
  if (!put_inner(word)) return NodeId::none;
  if (!behind_parent && !node_index.add(hash_of(word), id, NumberedNodes{})) return NodeId::none;
  return static_cast<NodeId>(id);
}

NodeId add_stack(uint64_t word, bool behind_parent) {
  const uint32_t stack = stacks.load(std::memory_order_relaxed) + 1;
  const uint32_t id = stack | kStackBit;
  if (!stack_nodes.reserve(stack)) return NodeId::none;
  stack_nodes[stack].store(word, std::memory_order_relaxed);
  stacks.store(stack, std::memory_order_release);
  if (behind_parent) {
    if (!put_inner(id)) return NodeId::none;
    first_child_ids.store(first_child_ids.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else if (!node_index.add(hash_of(word), id, NumberedNodes{})) {
    return NodeId::none;
  }
  return static_cast<NodeId>(id);
}

// Stacks beyond the most have no innermost node: they are unknown.
bool has_room_for_stack() { return stacks.load(std::memory_order_relaxed) + 1 < core::kMostStacks; }

// Adds a node that is not there.
NodeId add_child(uint64_t word, Place place, bool behind_parent) {
  return place == Place::innermost && has_room_for_stack() ? add_stack(word, behind_parent)
                                                           : add_inner(word, behind_parent);
}

// `seen`: additions before find_node() did not find it, so that it is looked for again only where there are more.
[[gnu::noinline]] NodeId add_node(uint64_t word, Place place, uint64_t seen) {
  core::LockScope scope(table_lock);
  if (additions.load(std::memory_order_relaxed) != seen) {
    const NodeId present = find_node(word);
    if (present != NodeId::none) return present;
  }
  const NodeId added = add_child(word, place, has_room_behind(parent_of(word)));
  additions.store(additions.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return added;
}

NodeId find_or_add(uint64_t word, Place place) {
  const uint64_t seen = additions.load(std::memory_order_acquire);
  const NodeId found = find_node(word);
  return found != NodeId::none ? found : add_node(word, place, seen);
}

core::StackId stack_at(NodeId id) {
  return has_stack(id) ? static_cast<core::StackId>(static_cast<uint32_t>(id) ^ kStackBit) : core::StackId::unknown;
}

}  // namespace

NodeId intern(NodeId parent, FrameKey frame, Place place) {
  if (parent == NodeId::none) return NodeId::none;
  const uint64_t code = code_of(frame);
  return code == kNoFrameCode ? NodeId::none : find_or_add(node_word(parent, code), place);
}

bool is_last_made(NodeId node) { return has_room_behind(node); }

uint32_t intern_row(NodeId parent, std::span<const FrameKey> frames, Place place, NodeId* nodes) {
  core::LockScope scope(table_lock);
  uint32_t made = 0;
  for (; made < frames.size() && has_room_behind(parent); ++made) {
    const uint64_t code = code_of(frames[made]);
    if (code == kNoFrameCode) break;
    const Place its_place = made + 1 == frames.size() ? place : Place::further_out;
    const NodeId added = add_child(node_word(parent, code), its_place, /*behind_parent=*/true);
    if (added == NodeId::none) break;
    nodes[made] = parent = added;
  }
  additions.store(additions.load(std::memory_order_relaxed) + made, std::memory_order_release);
  return made;
}

void fetch_child(NodeId parent, FrameKey frame) {
  if (may_have_first_child(parent)) __builtin_prefetch(&inner_nodes[static_cast<uint32_t>(parent) + 1]);
  node_index.fetch(hash_of(node_word(parent, code_of(frame))));
}

core::StackId stack_of(NodeId id) {
  if (has_stack(id)) [[likely]]
    return stack_at(id);
  if (id <= NodeId::truncated_root) return core::StackId::unknown;
  return stack_at(find_or_add(node_word(id, kNoFrameCode), Place::innermost));
}

NodeView view_of(NodeId id) {
  const uint64_t word = word_of(static_cast<uint32_t>(id));
  return {key_of(word >> kParentBits), parent_of(word)};
}

NodeId leaf_of(core::StackId stack) {
  const uint32_t index = core::index_of(stack);
  if (index == 0 || index > stack_count()) return NodeId::none;
  const uint64_t word = word_of(index | kStackBit);
  return is_ending(word) ? parent_of(word) : static_cast<NodeId>(index | kStackBit);
}

uint32_t stack_count() { return stacks.load(std::memory_order_acquire); }

size_t frames_of(core::StackId stack, StackFrame* frames, size_t capacity, bool* truncated) {
  size_t depth = 0;
  const NodeId root = visit_frames(stack, [&](FrameKey key) {
    const auto bits = static_cast<uint64_t>(key);
    if (depth < capacity) {
      frames[depth] = {ip_of(key), module_of(key), (bits & kExactBit) != 0};
    }
    ++depth;
    return true;
  });
  if (truncated != nullptr) *truncated = root != NodeId::complete_root;
  return depth;
}

StackTableFigures stack_table_figures() {
  const uint32_t inner_count =
      next_node.load(std::memory_order_relaxed) - kFirstNode - first_child_ids.load(std::memory_order_relaxed);
  return {inner_count + stack_count(), stack_count(),
          inner_nodes.bytes() + stack_nodes.bytes() + node_index.bytes() + frame_codes_bytes()};
}

void set_node_hash_for_test(uint64_t multiplier) { hash_multiplier = multiplier; }

void seed_stack_table() {
  core::LockScope scope(table_lock);
  const auto* random = reinterpret_cast<const void*>(getauxval(AT_RANDOM));
  if (random == nullptr || additions.load(std::memory_order_relaxed) != 0) return;
  uint64_t drawn[2];
  memcpy(drawn, random, sizeof drawn);
  const uint64_t key = (drawn[0] ^ drawn[1] >> 17) * 0x9e3779b97f4a7c15;
  if (key != hash_key) hash_key = key;  // threads that look up before the first addition read what they all have drawn
}

// A thread that the child does not have may have put a node that did not count yet, and others may have found it.
void stack_table_reset_after_fork() {
  table_lock.reset_after_fork();
  const uint32_t next = next_node.load(std::memory_order_relaxed);
  if (inner_nodes.has(next) && inner_nodes[next].load(std::memory_order_relaxed) != 0) {
    next_node.store(next + 1, std::memory_order_relaxed);
  }
  // The handler of a look-up may have forked, which then looks again.
  additions.store(additions.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  frame_codes_reset_after_fork();
}

}  // namespace weir::stack
