#include "stack/stack_table.h"

#include <sys/auxv.h>

#include <atomic>
#include <cstring>

#include "core/spin_lock.h"
#include "stack/chunked_array.h"
#include "stack/frame_codes.h"
#include "stack/paged_index.h"
#include "stack/stack_nodes.h"

namespace weir::stack {
namespace {

// A node in a word: the code of its frame above its parent's id. Of the two arrays of nodes one has those that were met as
// the innermost frame of a stack: their place in it is the stack's id, which needs no room of its own.
using Node = std::atomic<uint64_t>;

constexpr int kParentBits = PagedIndex::kNumberBits;
static_assert(kParentBits + kFrameCodeBits == 64);
constexpr uint64_t kParentMask = (uint64_t{1} << kParentBits) - 1;
static_assert(kStackBit == 1U << (kParentBits - 1));
constexpr uint32_t kFirstNode = 3;  // after the two roots
constexpr uint32_t kNodesAChunk = 1024;

EvenlyChunkedArray<Node, kNodesAChunk, kStackBit> inner_nodes;
EvenlyChunkedArray<Node, kNodesAChunk, core::kMostStacks> stack_nodes;
std::atomic<uint32_t> next_node{kFirstNode};
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

uint64_t hash_of(uint64_t word) {
  uint64_t hash = (word ^ hash_key) * hash_multiplier;
  hash = (hash ^ hash >> 32) * hash_multiplier;
  return hash ^ hash >> 29;
}

struct NumberedNodes {
  static void fetch(uint32_t id) { __builtin_prefetch(&node_at(id)); }
  static void fetch_further(uint32_t) {}
  static uint64_t hash_of(uint32_t id) { return stack::hash_of(word_of(id)); }
};

PagedIndex node_index;

// The index may ask of an id that was never given.
bool is_node(uint32_t id) {
  if ((id & kStackBit) != 0) return (id ^ kStackBit) - 1 < stacks.load(std::memory_order_acquire);
  return id - kFirstNode < next_node.load(std::memory_order_acquire) - kFirstNode;
}

NodeId find_node(uint64_t word, uint64_t hash) {
  return static_cast<NodeId>(node_index.find(hash, [word](uint32_t id) { return is_node(id) && word_of(id) == word; }));
}

// Stacks beyond the most have no innermost node: they are unknown.
bool reserve_node(Place place, uint32_t* id) {
  const uint32_t stack = stacks.load(std::memory_order_relaxed) + 1;
  if (place == Place::innermost && stack < core::kMostStacks) {
    *id = stack | kStackBit;
    return stack_nodes.reserve(stack);
  }
  *id = next_node.load(std::memory_order_relaxed);
  return inner_nodes.reserve(*id);
}

void count_node(uint32_t id) {
  if ((id & kStackBit) != 0) {
    stacks.store(id ^ kStackBit, std::memory_order_release);
  } else {
    next_node.store(id + 1, std::memory_order_release);
  }
}

// `seen`: additions before find_node() did not find it, so that it is looked for again only where there are more.
// A fork between any two steps leaves the child a consistent table: the node is whole before it counts, and counts
// before it can be found.
[[gnu::noinline]] NodeId add_node(uint64_t word, uint64_t hash, Place place, uint64_t seen) {
  core::LockScope scope(table_lock);
  if (additions.load(std::memory_order_relaxed) != seen) {
    const NodeId present = find_node(word, hash);
    if (present != NodeId::none) return present;
  }
  uint32_t id = 0;
  bool added = false;
  if (reserve_node(place, &id)) {
    node_at(id).store(word, std::memory_order_relaxed);
    count_node(id);
    added = node_index.add(hash, id, NumberedNodes{});
  }
  additions.fetch_add(1, std::memory_order_release);
  return added ? static_cast<NodeId>(id) : NodeId::none;
}

NodeId find_or_add(uint64_t word, Place place) {
  const uint64_t hash = hash_of(word);
  const uint64_t seen = additions.load(std::memory_order_acquire);
  const NodeId found = find_node(word, hash);
  return found != NodeId::none ? found : add_node(word, hash, place, seen);
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

void NewRow::expect(FrameKey frame) {
  const uint64_t code = code_of(frame);
  if (code == kNoFrameCode) return;
  node_index.fetch(hash_of(node_word(parent_, code)));
  parent_ = static_cast<NodeId>(static_cast<uint32_t>(parent_) + 1);
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
      frames[depth] = {ip_of(key), static_cast<core::ModuleId>(bits >> 48), (bits & kExactBit) != 0};
    }
    ++depth;
    return true;
  });
  if (truncated != nullptr) *truncated = root != NodeId::complete_root;
  return depth;
}

StackTableFigures stack_table_figures() {
  const uint32_t inner_count = next_node.load(std::memory_order_relaxed) - kFirstNode;
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
  hash_key = (drawn[0] ^ drawn[1] >> 17) * 0x9e3779b97f4a7c15;
}

void stack_table_reset_after_fork() {
  table_lock.reset_after_fork();
  frame_codes_reset_after_fork();
}

}  // namespace weir::stack
