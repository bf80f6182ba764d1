#include "cuda/graphs.h"

#include "core/arena.h"
#include "core/spin_lock.h"

namespace weir::cuda {
namespace {

// A memory node of a graph. Graphs that have any are few, and so are their nodes: one list of all.
struct MemoryNode {
  MemoryNode* next;
  uint64_t graph;  // or what was instantiated from one
  uint64_t node;   // 0: a copy, of which the handle is not known
  uint64_t address;
  bool allocates;
  Allocation allocation;  // where it allocates
};

core::SpinLock lock;  // guards the list
MemoryNode* first;

void add(const MemoryNode& node) {
  auto* added = static_cast<MemoryNode*>(core::arena_allocate(sizeof(MemoryNode)));
  if (added == nullptr) return;
  *added = node;
  added->next = first;
  first = added;
}

template <class Matches>
void remove(Matches matches) {
  MemoryNode** link = &first;
  while (MemoryNode* node = *link) {
    if (!matches(*node)) {
      link = &node->next;
      continue;
    }
    *link = node->next;
    core::arena_release(node, sizeof(MemoryNode));
  }
}

bool has_node(uint64_t graph, uint64_t address, bool allocates) {
  for (const MemoryNode* node = first; node != nullptr; node = node->next) {
    if (node->graph == graph && node->address == address && node->allocates == allocates) return true;
  }
  return false;
}

}  // namespace

void add_alloc_node(const Allocation& allocation, uint64_t address) {
  const core::LockScope scope(lock);
  add({nullptr, allocation.owner, allocation.key, address, true, allocation});
}

void add_free_node(uint64_t graph, uint64_t node, uint64_t address) {
  const core::LockScope scope(lock);
  add({nullptr, graph, node, address, false, {}});
}

void copy_nodes(uint64_t from, uint64_t to) {
  const core::LockScope scope(lock);
  for (MemoryNode* node = first; node != nullptr; node = node->next) {
    if (node->graph != from) continue;
    MemoryNode copy = *node;
    copy.graph = to;
    copy.node = 0;
    add(copy);  // before `first`: not visited
  }
}

void move_nodes(uint64_t from, uint64_t to) {
  const core::LockScope scope(lock);
  for (MemoryNode* node = first; node != nullptr; node = node->next) {
    if (node->graph == from) node->graph = to;
  }
}

void forget_graph(uint64_t graph) {
  const core::LockScope scope(lock);
  remove([&](const MemoryNode& node) { return node.graph == graph; });
}

void forget_node(uint64_t handle) {
  const core::LockScope scope(lock);
  remove([&](const MemoryNode& node) { return node.node == handle; });
}

void visit_launch(uint64_t exec, const LaunchVisitor& visitor) {
  const core::LockScope scope(lock);
  for (const MemoryNode* node = first; node != nullptr; node = node->next) {
    if (node->graph != exec || has_node(exec, node->address, !node->allocates)) continue;
    if (node->allocates) {
      visitor.leave(visitor.context, node->allocation, node->address);
    } else {
      visitor.take(visitor.context, node->address);
    }
  }
}

void graphs_reset_after_fork() {
  lock.reset_after_fork();
  first = nullptr;
}

}  // namespace weir::cuda
