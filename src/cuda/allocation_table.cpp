#include "cuda/allocation_table.h"

#include <atomic>

#include "core/arena.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "core/treap.h"
#include "cuda/call.h"

namespace weir::cuda {
namespace {

struct Node {
  Allocation allocation;
  Node* left;
  Node* right;
  uint32_t priority;

  uint64_t key() const { return allocation.key; }
};

constexpr size_t kFigureSets = kMostDevices + 1;  // the last: of no device

core::SpinLock lock;  // guards everything below
Node* trees[kSpaces];
core::PrioritySource priorities;
std::atomic<uint64_t> serial{0};
WEIR_LARGE_TABLE DeviceFigures figures[kFigureSets];
std::atomic<bool> is_used{false};

Node*& tree_of(Space space) { return trees[static_cast<size_t>(space)]; }

size_t figure_set_of(int device) {
  if (device < 0) return kFigureSets - 1;
  return device < kMostDevices ? static_cast<size_t>(device) : kMostDevices - 1;
}

DeviceFigures& figures_of(int device) {
  DeviceFigures& set = figures[figure_set_of(device)];
  set.is_used = true;
  is_used.store(true, std::memory_order_relaxed);
  return set;
}

KindFigures& figures_of(const Allocation& allocation) {
  return figures_of(allocation.device).kinds[static_cast<size_t>(allocation.kind)];
}

// ---- Figures ----

void count_inserted(const Allocation& allocation) {
  KindFigures& kind = figures_of(allocation);
  ++kind.alloc_count;
  kind.alloc_bytes += allocation.bytes;
  kind.live_taken_bytes += allocation.taken_bytes;
  if (kind.live_bytes() > kind.peak_bytes) kind.peak_bytes = kind.live_bytes();
  if (!traits_of(allocation.kind).on_device) return;
  DeviceFigures& device = figures_of(allocation.device);
  device.live_bytes += allocation.bytes;
  if (device.live_bytes <= device.peak_bytes) return;
  device.peak_bytes = device.live_bytes;
  device.peak_tick = allocation.origin.tick;
}

void count_gone(const Allocation& allocation) {
  figures_of(allocation).live_taken_bytes -= allocation.taken_bytes;
  if (traits_of(allocation.kind).on_device) figures_of(allocation.device).live_bytes -= allocation.bytes;
}

void count_gone_with_context(const Allocation& allocation) {
  KindFigures& kind = figures_of(allocation);
  ++kind.context_freed_count;
  kind.context_freed_bytes += allocation.bytes;
  count_gone(allocation);
}

void count_freed_locked(const Allocation& allocation) {
  KindFigures& kind = figures_of(allocation);
  ++kind.free_count;
  kind.free_bytes += allocation.bytes;
  count_gone(allocation);
}

// ---- The tree ----

void attach(Node* node) {
  Node*& tree = tree_of(node->allocation.space);
  Node* below;
  Node* others;
  core::split_tree(tree, node->key(), &below, &others);
  tree = core::join_trees(core::join_trees(below, node), others);
}

void release(Node* node) { core::arena_release(node, sizeof(Node)); }

Node* make_node(const Allocation& allocation) {
  auto* node = static_cast<Node*>(core::arena_allocate(sizeof(Node)));
  if (node == nullptr) return nullptr;
  node->allocation = allocation;
  node->left = node->right = nullptr;
  node->priority = priorities.next();
  return node;
}

// What the driver gave away again without Weir's seeing that it had been given back.
void drop_replaced(Space space, uint64_t key) {
  Node* replaced = core::take_from_tree(&tree_of(space), key);
  if (replaced == nullptr) return;
  count_gone_with_context(replaced->allocation);
  release(replaced);
}

Node* node_at(Space space, uint64_t key) {
  Node* node = core::node_at_or_below(tree_of(space), key);
  return node != nullptr && node->key() == key ? node : nullptr;
}

template <class Matches>
bool any_matches(const Node* node, const Matches& matches) {
  return node != nullptr &&
         (matches(node->allocation) || any_matches(node->left, matches) || any_matches(node->right, matches));
}

// Takes the matching nodes of a tree out and hands each to `take`. Where there is none: one look at each.
template <class Matches, class Take>
void take_matching(Space space, Matches matches, Take take) {
  if (!any_matches(tree_of(space), matches)) return;
  Node* next = core::list_of_tree(tree_of(space));
  tree_of(space) = nullptr;
  while (next != nullptr) {
    Node* node = next;
    next = node->right;
    node->left = node->right = nullptr;
    if (matches(node->allocation)) {
      take(node->allocation);
      release(node);
    } else {
      attach(node);
    }
  }
}

template <class Visit>
void visit_in_order(Node* node, const Visit& visit) {
  if (node == nullptr) return;
  visit_in_order(node->left, visit);
  visit(node->allocation);
  visit_in_order(node->right, visit);
}

}  // namespace

void insert_allocation(const Allocation& allocation) {
  if (!is_tracked(allocation.kind)) return;
  const core::LockScope scope(lock);  // guard: device-lock
  drop_replaced(allocation.space, allocation.key);
  Node* node = make_node(allocation);
  if (node == nullptr) return;
  node->allocation.serial = serial.fetch_add(1, std::memory_order_relaxed) + 1;
  count_inserted(node->allocation);
  attach(node);
}

bool detach_allocation(Space space, uint64_t key, uint32_t kinds, Allocation* result) {
  const core::LockScope scope(lock);
  const Node* found = node_at(space, key);
  if (found == nullptr || (kinds & bit_of(found->allocation.kind)) == 0) return false;
  Node* node = core::take_from_tree(&tree_of(space), key);
  *result = node->allocation;
  release(node);
  return true;
}

void count_freed(const Allocation& allocation) {
  const core::LockScope scope(lock);
  count_freed_locked(allocation);
}

void restore_allocation(const Allocation& allocation) {
  const core::LockScope scope(lock);
  if (node_at(allocation.space, allocation.key) != nullptr) {  // another thread has it already: it was free after all
    count_gone_with_context(allocation);
    return;
  }
  Node* node = make_node(allocation);
  if (node != nullptr) attach(node);
}

void count_failed(Kind kind, int device) {
  const core::LockScope scope(lock);
  ++figures_of(device).kinds[static_cast<size_t>(kind)].failed_count;
}

bool add_reference(Space space, uint64_t key) {
  const core::LockScope scope(lock);
  Node* node = node_at(space, key);
  if (node != nullptr) ++node->allocation.references;
  return node != nullptr;
}

bool drop_reference(Space space, uint64_t key) {
  const core::LockScope scope(lock);
  Node* node = node_at(space, key);
  if (node == nullptr || node->allocation.references == 0) return false;
  if (node->allocation.references == 1 && node->allocation.mappings == 0) return false;
  --node->allocation.references;
  return true;
}

void add_mapping(uint64_t handle) {
  const core::LockScope scope(lock);
  if (Node* node = node_at(Space::vmm_handle, handle)) ++node->allocation.mappings;
}

void drop_mapping(uint64_t handle) {
  const core::LockScope scope(lock);
  Node* node = node_at(Space::vmm_handle, handle);
  if (node == nullptr || node->allocation.mappings == 0) return;
  --node->allocation.mappings;
  if (node->allocation.mappings != 0 || node->allocation.references != 0) return;
  count_freed_locked(node->allocation);
  release(core::take_from_tree(&tree_of(Space::vmm_handle), handle));
}

bool find_allocation(Space space, uint64_t key, Allocation* result) {
  const core::LockScope scope(lock);
  const Node* node = core::node_at_or_below(tree_of(space), key);
  if (node == nullptr || (key != node->key() && key - node->key() >= node->allocation.taken_bytes)) return false;
  *result = node->allocation;
  return true;
}

uint64_t last_serial() { return serial.load(std::memory_order_relaxed); }

void take_of_context(uint64_t context, uint64_t newest, AllocationVisitor visit, void* visitor) {
  const core::LockScope scope(lock);
  for (size_t i = 0; i < kSpaces; ++i) {
    take_matching(
        static_cast<Space>(i),
        [&](const Allocation& allocation) { return allocation.context == context && allocation.serial <= newest; },
        [&](const Allocation& allocation) {
          count_gone_with_context(allocation);
          visit(visitor, allocation);
        });
  }
}

void take_of_owner(Space space, uint64_t owner) {
  const core::LockScope scope(lock);
  take_matching(
      space, [&](const Allocation& allocation) { return allocation.owner == owner; },
      [&](const Allocation& allocation) { count_freed_locked(allocation); });
}

void give_to_owner(Space space, uint64_t from, uint64_t to) {
  const core::LockScope scope(lock);
  visit_in_order(tree_of(space), [&](Allocation& allocation) {
    if (allocation.owner == from) allocation.owner = to;
  });
}

void for_each_allocation(AllocationVisitor visit, void* context) {
  const core::LockScope scope(lock);
  for (Node* tree : trees) {
    visit_in_order(tree, [&](const Allocation& allocation) { visit(context, allocation); });
  }
}

DeviceFigures device_figures(int device) {
  const core::LockScope scope(lock);
  return figures[figure_set_of(device)];
}

DeviceLive device_live(int device) {
  const core::LockScope scope(lock);
  const DeviceFigures& set = figures[figure_set_of(device)];
  return {set.is_used, set.live_bytes, set.kinds[static_cast<size_t>(Kind::pinned)].live_bytes()};
}

bool any_allocation() { return is_used.load(std::memory_order_relaxed); }

void allocation_table_reset_after_fork() {
  lock.reset_after_fork();
  for (Node*& tree : trees) tree = nullptr;
  for (DeviceFigures& set : figures) set = {};
  is_used.store(false, std::memory_order_relaxed);
}

}  // namespace weir::cuda
