// Graphs with memory nodes: which allocations and frees a graph and what was instantiated from it hold, so that a launch is known to
// leave or to take memory.
#pragma once

#include "cuda/allocation.h"

namespace weir::cuda {

// A node that allocates: `allocation` is of kind graph_node and has the graph as its owner.
void add_alloc_node(const Allocation& allocation, uint64_t address);
void add_free_node(uint64_t graph, uint64_t node, uint64_t address);

// The nodes of `from` become nodes of `to`, too: of a clone, or of the graph that `from` is a child of.
void copy_nodes(uint64_t from, uint64_t to);

// Of what is instantiated only those are kept that a launch has to do with: an allocation that the graph itself frees is gone after it.
// Cost: n log n; a launch is linear in what it leaves and takes.
void instantiate_nodes(uint64_t graph, uint64_t exec);

// The nodes of `from` become nodes of `to` instead, which has taken it over.
void move_nodes(uint64_t from, uint64_t to);

void forget_graph(uint64_t graph);
void forget_exec(uint64_t exec);
void forget_node(uint64_t node);

// What a launch leaves: visit(context, allocation, address) for each allocation that the graph itself does not free, then
// take(context, address) for each free of memory that it did not allocate.
struct LaunchVisitor {
  void (*leave)(void* context, const Allocation& node, uint64_t address);
  void (*take)(void* context, uint64_t address);
  void* context;
};
void visit_launch(uint64_t exec, const LaunchVisitor& visitor);

void graphs_reset_after_fork();

}  // namespace weir::cuda
