#include "cuda/graphs.h"

#include <algorithm>

#include "core/arena.h"
#include "core/large_table.h"
#include "core/own_memory.h"
#include "core/spin_lock.h"
#include "core/system_call.h"

namespace weir::cuda {
namespace {

// A memory node of a graph, or of what was instantiated from one.
struct MemoryNode {
  MemoryNode* next;
  uint64_t owner;  // that graph
  uint64_t node;   // 0: a copy, of which the handle is not known
  uint64_t address;
  bool allocates;
  Allocation allocation;  // where it allocates
};

// Nodes by their graph.
class NodeTable {
 public:
  void add(const MemoryNode& node) {
    auto* added = static_cast<MemoryNode*>(core::arena_allocate(sizeof(MemoryNode)));
    if (added == nullptr) return;
    *added = node;
    attach(added);
  }
  void attach(MemoryNode* node) {
    MemoryNode*& first = first_of(node->owner);
    node->next = first;
    first = node;
  }

  template <class Visit>
  void for_each_of(uint64_t owner, const Visit& visit) {
    for (MemoryNode* node = first_of(owner); node != nullptr;) {
      MemoryNode* next = node->next;
      if (node->owner == owner) visit(*node);
      node = next;
    }
  }

  // Takes the matching nodes of a bucket out and hands each to `take`.
  template <class Matches, class Take>
  void take_from(MemoryNode*& first, const Matches& matches, const Take& take) {
    MemoryNode** link = &first;
    while (MemoryNode* node = *link) {
      if (!matches(*node)) {
        link = &node->next;
        continue;
      }
      *link = node->next;
      take(node);
    }
  }
  void remove_of(uint64_t owner) {
    take_from(
        first_of(owner), [owner](const MemoryNode& node) { return node.owner == owner; }, &release);
  }
  void remove_node(uint64_t handle) {
    for (MemoryNode*& first : buckets_) {
      take_from(
          first, [handle](const MemoryNode& node) { return node.node == handle; }, &release);
    }
  }
  void clear() {
    for (MemoryNode*& first : buckets_) first = nullptr;
  }
  MemoryNode*& first_of(uint64_t owner) {
    constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
    constexpr int kShift = 40;
    return buckets_[((owner * kMultiplier) >> kShift) % kBuckets];
  }

 private:
  static void release(MemoryNode* node) { core::arena_release(node, sizeof(MemoryNode)); }

  static constexpr size_t kBuckets = 256;
  MemoryNode* buckets_[kBuckets];
};

core::SpinLock lock;  // guards what follows
WEIR_LARGE_TABLE NodeTable graph_nodes;
WEIR_LARGE_TABLE NodeTable exec_nodes;  // of what was instantiated: only those that a launch has to do with

// Keeps for `exec` the nodes whose address has none of the other kind in the same graph. `nodes` are sorted by address.
void keep_unmatched(MemoryNode* const* nodes, size_t count, uint64_t exec) {
  for (size_t i = 0; i < count; ++i) {
    if (i + 1 < count && nodes[i]->address == nodes[i + 1]->address && nodes[i]->allocates != nodes[i + 1]->allocates) {
      ++i;
      continue;
    }
    MemoryNode kept = *nodes[i];
    kept.owner = exec;
    kept.node = 0;
    exec_nodes.add(kept);
  }
}

}  // namespace

void add_alloc_node(const Allocation& allocation, uint64_t address) {
  const core::LockScope scope(lock);
  graph_nodes.add({nullptr, allocation.owner, allocation.key, address, true, allocation});
}

void add_free_node(uint64_t graph, uint64_t node, uint64_t address) {
  const core::LockScope scope(lock);
  graph_nodes.add({nullptr, graph, node, address, false, {}});
}

void copy_nodes(uint64_t from, uint64_t to) {
  const core::LockScope scope(lock);
  graph_nodes.for_each_of(from, [to](const MemoryNode& node) {
    MemoryNode copy = node;
    copy.owner = to;
    copy.node = 0;
    graph_nodes.add(copy);
  });
}

void move_nodes(uint64_t from, uint64_t to) {
  const core::LockScope scope(lock);
  graph_nodes.take_from(
      graph_nodes.first_of(from), [from](const MemoryNode& node) { return node.owner == from; },
      [to](MemoryNode* node) {
        node->owner = to;
        graph_nodes.attach(node);
      });
}

void instantiate_nodes(uint64_t graph, uint64_t exec) {
  const core::LockScope scope(lock);
  size_t count = 0;
  graph_nodes.for_each_of(graph, [&](const MemoryNode&) { ++count; });
  if (count == 0) return;
  auto** nodes = static_cast<MemoryNode**>(core::map_own(count * sizeof(MemoryNode*)));
  if (nodes == nullptr) return;
  size_t gathered = 0;
  graph_nodes.for_each_of(graph, [&](MemoryNode& node) { nodes[gathered++] = &node; });
  std::sort(nodes, nodes + count, [](const MemoryNode* a, const MemoryNode* b) {
    return a->address != b->address ? a->address < b->address : a->allocates > b->allocates;
  });
  keep_unmatched(nodes, count, exec);
  core::unmap_own(nodes, count * sizeof(MemoryNode*));
}

void forget_graph(uint64_t graph) {
  const core::LockScope scope(lock);
  graph_nodes.remove_of(graph);
}

void forget_exec(uint64_t exec) {
  const core::LockScope scope(lock);
  exec_nodes.remove_of(exec);
}

void forget_node(uint64_t handle) {
  const core::LockScope scope(lock);
  graph_nodes.remove_node(handle);
}

void visit_launch(uint64_t exec, const LaunchVisitor& visitor) {
  const core::LockScope scope(lock);
  exec_nodes.for_each_of(exec, [&](const MemoryNode& node) {
    if (node.allocates) {
      visitor.leave(visitor.context, node.allocation, node.address);
    } else {
      visitor.take(visitor.context, node.address);
    }
  });
}

void graphs_reset_after_fork() {
  lock.reset_after_fork();
  graph_nodes.clear();
  exec_nodes.clear();
}

}  // namespace weir::cuda
