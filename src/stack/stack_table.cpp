#include "stack/stack_table.h"

#include <sys/auxv.h>

#include <atomic>
#include <cstring>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "stack/chunked_array.h"
#include "stack/paged_index.h"
#include "stack/stack_nodes.h"

namespace weir::stack {
namespace {

enum class FrameNumber : uint32_t { none = 0 };

// Its frame is one of `frames`: there are far fewer frames than nodes.
struct Node {
  FrameNumber frame;
  NodeId parent;
};
static_assert(sizeof(Node) == 8);

constexpr uint32_t kFirstNode = 3;  // after the two roots
constexpr uint32_t kMost = PagedIndex::kMostNumbers;

EvenlyChunkedArray<Node, 2048, kMost> nodes;
EvenlyChunkedArray<FrameKey, 1024, kMost> frames;
EvenlyChunkedArray<NodeId, 2048, kMost> leaves;  // by stack id
std::atomic<uint32_t> next_node{kFirstNode};
std::atomic<uint32_t> next_frame{1};
std::atomic<uint32_t> stacks{0};
PagedIndex node_index, frame_index, stack_index;  // stacks by their leaf
core::SpinLock table_lock;

uint64_t hash_key = 0x243f6a8885a308d3;
uint64_t hash_multiplier = 0x9e3779b97f4a7c15;

uint64_t hash_of(NodeId parent, FrameKey key) {
  uint64_t hash = (static_cast<uint64_t>(key) ^ hash_key) * hash_multiplier;
  hash ^= hash >> 32;
  hash = (hash + static_cast<uint32_t>(parent)) * hash_multiplier;
  return hash ^ hash >> 29;
}

uint64_t hash_of_frame(FrameKey key) { return hash_of(NodeId::none, key); }
uint64_t hash_of_leaf(NodeId node) { return hash_of(node, FrameKey{}); }

FrameKey key_of(const Node& node) { return frames[static_cast<uint32_t>(node.frame)]; }

NodeId find_node(uint64_t hash, NodeId parent, FrameKey key) {
  return static_cast<NodeId>(node_index.find(hash, [=](uint32_t number) {
    if (number - kFirstNode >= next_node.load(std::memory_order_acquire) - kFirstNode) [[unlikely]]
      return false;
    const Node& node = nodes[number];
    return node.parent == parent && key_of(node) == key;
  }));
}

FrameNumber find_frame(uint64_t hash, FrameKey key) {
  return static_cast<FrameNumber>(frame_index.find(hash, [=](uint32_t number) {
    return number - 1 < next_frame.load(std::memory_order_acquire) - 1 && frames[number] == key;
  }));
}

core::StackId find_stack(uint64_t hash, NodeId leaf) {
  return static_cast<core::StackId>(stack_index.find(hash, [=](uint32_t number) {
    return number - 1 < stacks.load(std::memory_order_acquire) && leaves[number] == leaf;
  }));
}

struct NumberedNodes {
  static void fetch(uint32_t number) { __builtin_prefetch(&nodes[number]); }
  static void fetch_further(uint32_t number) {
    __builtin_prefetch(&frames[static_cast<uint32_t>(nodes[number].frame)]);
  }
  static uint64_t hash_of(uint32_t number) { return stack::hash_of(nodes[number].parent, key_of(nodes[number])); }
};

struct NumberedFrames {
  static void fetch(uint32_t number) { __builtin_prefetch(&frames[number]); }
  static void fetch_further(uint32_t) {}
  static uint64_t hash_of(uint32_t number) { return hash_of_frame(frames[number]); }
};

struct NumberedStacks {
  static void fetch(uint32_t number) { __builtin_prefetch(&leaves[number]); }
  static void fetch_further(uint32_t) {}
  static uint64_t hash_of(uint32_t number) { return hash_of_leaf(leaves[number]); }
};

// Each of the following runs under the lock, and a fork between any two steps leaves the child a consistent table: what is
// added is whole before it counts, and counts before it can be found.

FrameNumber frame_number_of(FrameKey key) {
  const uint64_t hash = hash_of_frame(key);
  const FrameNumber present = find_frame(hash, key);
  if (present != FrameNumber::none) return present;
  const uint32_t number = next_frame.load(std::memory_order_relaxed);
  if (!frames.reserve(number)) return FrameNumber::none;
  frames[number] = key;
  next_frame.store(number + 1, std::memory_order_release);
  const bool added = frame_index.add(hash, number, NumberedFrames{});
  return added ? static_cast<FrameNumber>(number) : FrameNumber::none;
}

[[gnu::noinline]] NodeId add_node(uint64_t hash, NodeId parent, FrameKey key) {
  core::LockScope scope(table_lock);
  const NodeId present = find_node(hash, parent, key);
  if (present != NodeId::none) return present;
  const FrameNumber frame = frame_number_of(key);
  const uint32_t number = next_node.load(std::memory_order_relaxed);
  if (frame == FrameNumber::none || !nodes.reserve(number)) return NodeId::none;
  nodes[number] = {frame, parent};
  next_node.store(number + 1, std::memory_order_release);
  const bool added = node_index.add(hash, number, NumberedNodes{});
  return added ? static_cast<NodeId>(number) : NodeId::none;
}

[[gnu::noinline]] core::StackId add_stack(uint64_t hash, NodeId leaf) {
  core::LockScope scope(table_lock);
  const core::StackId present = find_stack(hash, leaf);
  if (present != core::StackId::unknown) return present;
  const uint32_t number = stacks.load(std::memory_order_relaxed) + 1;
  if (!leaves.reserve(number)) return core::StackId::unknown;
  leaves[number] = leaf;
  stacks.store(number, std::memory_order_release);
  const bool added = stack_index.add(hash, number, NumberedStacks{});
  return added ? static_cast<core::StackId>(number) : core::StackId::unknown;
}

}  // namespace

NodeId intern(NodeId parent, FrameKey frame) {
  if (parent == NodeId::none) return NodeId::none;
  const uint64_t hash = hash_of(parent, frame);
  const NodeId found = find_node(hash, parent, frame);
  return found != NodeId::none ? found : add_node(hash, parent, frame);
}

core::StackId stack_of(NodeId leaf) {
  if (leaf <= NodeId::truncated_root) return core::StackId::unknown;
  const uint64_t hash = hash_of_leaf(leaf);
  const core::StackId found = find_stack(hash, leaf);
  return found != core::StackId::unknown ? found : add_stack(hash, leaf);
}

NodeView view_of(NodeId id) {
  const Node& node = nodes[static_cast<uint32_t>(id)];
  return {key_of(node), node.parent};
}

NodeId leaf_of(core::StackId stack) {
  const uint32_t index = core::index_of(stack);
  return index == 0 || index > stack_count() ? NodeId::none : leaves[index];
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
  const uint32_t node_count = next_node.load(std::memory_order_relaxed) - kFirstNode;
  return {node_count, next_frame.load(std::memory_order_relaxed) - 1, stack_count(),
          nodes.bytes() + node_index.bytes() + frames.bytes() + frame_index.bytes(),
          leaves.bytes() + stack_index.bytes()};
}

void set_node_hash_for_test(uint64_t multiplier) { hash_multiplier = multiplier; }

void seed_stack_table() {
  core::LockScope scope(table_lock);
  const auto* random = reinterpret_cast<const void*>(getauxval(AT_RANDOM));
  if (random == nullptr || next_node.load(std::memory_order_relaxed) != kFirstNode) return;
  uint64_t drawn[2];
  memcpy(drawn, random, sizeof drawn);
  hash_key = (drawn[0] ^ drawn[1] >> 17) * 0x9e3779b97f4a7c15;
}

void stack_table_reset_after_fork() { table_lock.reset_after_fork(); }

}  // namespace weir::stack
