#include "stack/stack_table.h"

#include <sys/auxv.h>

#include <atomic>
#include <cstring>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "stack/chunked_array.h"
#include "stack/stack_nodes.h"

namespace weir::stack {
namespace {

struct Node {
  FrameKey key;
  NodeId parent;
  std::atomic<core::StackId> stack;
};
static_assert(sizeof(Node) == 16);

constexpr uint32_t kFirstNode = 3;  // after the two roots
constexpr uint32_t kMaxNodes = 0xfffffff0;
constexpr uint32_t kFirstLog = 10;
constexpr uint32_t kLargestLog = 32;
constexpr int kLogShift = 56;
constexpr uint64_t kPointerMask = (uint64_t{1} << kLogShift) - 1;

ChunkedArray<Node, 512> nodes;
ChunkedArray<NodeId, 256> leaves;  // by stack id
std::atomic<uint32_t> next_node{kFirstNode};
std::atomic<uint32_t> stacks{0};
core::SpinLock table_lock;

// The slots hold node ids, 0 where free. Table and size in one word, so that readers see both of the same table;
// outgrown ones stay readable and together are smaller than the one in use.
std::atomic<uint64_t> slot_table{0};
std::atomic<size_t> slot_bytes{0};

uint64_t hash_key = 0x243f6a8885a308d3;
uint64_t hash_multiplier = 0x9e3779b97f4a7c15;

using Slot = std::atomic<NodeId>;

struct Slots {
  Slot* first;
  uint32_t log;

  explicit Slots(uint64_t packed)
      : first(reinterpret_cast<Slot*>(packed & kPointerMask)), log(static_cast<uint32_t>(packed >> kLogShift)) {}
  uint64_t mask() const { return (uint64_t{1} << log) - 1; }
};

uint64_t hash_of(NodeId parent, FrameKey key) {
  uint64_t hash = (static_cast<uint64_t>(key) ^ hash_key) * hash_multiplier;
  hash ^= hash >> 32;
  hash = (hash + static_cast<uint32_t>(parent)) * hash_multiplier;
  return hash ^ hash >> 29;
}

bool is_node(NodeId id, NodeId parent, FrameKey key) {
  const Node& node = nodes[static_cast<uint32_t>(id)];
  return node.key == key && node.parent == parent;
}

NodeId find_node(NodeId parent, FrameKey key) {
  const uint64_t packed = slot_table.load(std::memory_order_acquire);
  if (packed == 0) [[unlikely]]
    return NodeId::none;
  const Slots slots(packed);
  for (uint64_t i = hash_of(parent, key) & slots.mask();; i = (i + 1) & slots.mask()) {
    const NodeId id = slots.first[i].load(std::memory_order_acquire);
    if (id == NodeId::none || is_node(id, parent, key)) return id;
  }
}

void put(const Slots& slots, NodeId id, const Node& node) {
  uint64_t i = hash_of(node.parent, node.key) & slots.mask();
  while (slots.first[i].load(std::memory_order_relaxed) != NodeId::none) i = (i + 1) & slots.mask();
  slots.first[i].store(id, std::memory_order_release);
}

// Keeps the slots at most half full. Under the lock.
bool make_room() {
  const uint64_t packed = slot_table.load(std::memory_order_relaxed);
  const uint32_t used = next_node.load(std::memory_order_relaxed);
  const Slots old(packed);
  if (packed != 0 && used < (uint64_t{1} << old.log) / 2) return true;
  const uint32_t log = packed == 0 ? kFirstLog : old.log + 1;
  auto* first = log > kLargestLog ? nullptr : core::arena_array<Slot>(size_t{1} << log);
  if (first == nullptr) return false;
  const uint64_t next = reinterpret_cast<uintptr_t>(first) | uint64_t{log} << kLogShift;
  for (uint32_t id = kFirstNode; id < used; ++id) put(Slots(next), static_cast<NodeId>(id), nodes[id]);
  slot_bytes.fetch_add(sizeof(Slot) << log, std::memory_order_relaxed);
  slot_table.store(next, std::memory_order_release);
  return true;
}

// A fork between any two steps leaves the child a consistent table: the node is whole before it counts, and counts
// before it can be found.
[[gnu::noinline]] NodeId add_node(NodeId parent, FrameKey key) {
  core::LockScope scope(table_lock);
  const NodeId present = find_node(parent, key);
  if (present != NodeId::none) return present;
  const uint32_t index = next_node.load(std::memory_order_relaxed);
  if (index >= kMaxNodes || !nodes.reserve(index) || !make_room()) return NodeId::none;
  Node& node = nodes[index];
  node.key = key;
  node.parent = parent;
  next_node.store(index + 1, std::memory_order_release);
  put(Slots(slot_table.load(std::memory_order_relaxed)), static_cast<NodeId>(index), node);
  return static_cast<NodeId>(index);
}

[[gnu::noinline]] core::StackId add_stack(NodeId id, Node& node) {
  core::LockScope scope(table_lock);
  core::StackId stack = node.stack.load(std::memory_order_relaxed);
  if (stack != core::StackId::unknown) return stack;
  const uint32_t index = stacks.load(std::memory_order_relaxed) + 1;
  if (!leaves.reserve(index)) return core::StackId::unknown;
  leaves[index] = id;
  stacks.store(index, std::memory_order_release);
  stack = static_cast<core::StackId>(index);
  node.stack.store(stack, std::memory_order_release);
  return stack;
}

}  // namespace

NodeId intern(NodeId parent, FrameKey frame) {
  if (parent == NodeId::none) return NodeId::none;
  const NodeId found = find_node(parent, frame);
  return found != NodeId::none ? found : add_node(parent, frame);
}

core::StackId stack_of(NodeId id) {
  if (id <= NodeId::truncated_root) return core::StackId::unknown;
  Node& node = nodes[static_cast<uint32_t>(id)];
  const core::StackId stack = node.stack.load(std::memory_order_acquire);
  return stack != core::StackId::unknown ? stack : add_stack(id, node);
}

NodeView view_of(NodeId id) {
  const Node& node = nodes[static_cast<uint32_t>(id)];
  return {node.key, node.parent};
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

size_t stack_table_bytes() { return nodes.bytes() + leaves.bytes() + slot_bytes.load(std::memory_order_relaxed); }

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
