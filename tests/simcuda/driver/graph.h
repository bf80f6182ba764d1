// Graphs, and captures that make them: a node is what a stream would have run, kept to be run at each launch.
#pragma once

#include <list>

#include "context.h"

namespace simcuda {

struct Block;
struct Graph;

struct Node {
  Graph& graph;
  CUgraphNodeType type;
  Task task;  // none for a node that only orders others
  std::vector<Node*> dependencies{};
  CUDA_MEM_ALLOC_NODE_PARAMS_v1 allocation{};  // of an allocation node
  CUdeviceptr freed = 0;                       // of a free node
  std::shared_ptr<Graph> child{};
};
inline CUgraphNode handle_of(Node* node) { return reinterpret_cast<CUgraphNode>(node); }
inline Node* node_of(CUgraphNode handle) { return reinterpret_cast<Node*>(handle); }

struct Graph : std::enable_shared_from_this<Graph> {
  explicit Graph(Context& made_in) : context(made_in) {}
  ~Graph();
  Node& add(CUgraphNodeType type, const CUgraphNode* dependencies, size_t count, Task task);
  bool owns_memory() const;

  Context& context;
  std::list<Node> nodes;  // in the order in which they were added, which is one that their dependencies allow
  const uint64_t id = next_id();
  std::vector<std::shared_ptr<Graph>> children;
  static uint64_t next_id();
};

struct ExecutableGraph {
  Context& context;
  std::shared_ptr<Graph> graph;
  std::vector<Task> tasks;
  unsigned long long flags;
  std::vector<uintptr_t> left;  // addresses of its allocation nodes that it has no free node for
  bool frees_on_launch() const { return (flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0; }
};

Graph& graph_of(CUgraph handle);
CUgraph add_graph(std::shared_ptr<Graph> graph);

// Has a stream do it: at once, or as a node of the graph that is captured.
void submit(Lock&, Stream& stream, CUgraphNodeType type, Task task);
// The same, for the stream's latest node: nullptr where the stream does not capture.
Node* capture_node(Stream& stream, CUgraphNodeType type, Task task);

// To be asked by every call that is unsafe while a stream captures: refuses, and makes the captures invalid, as the modes of the
// captures and of the thread say.
void forbid_while_capturing();
// To be asked by calls that synchronise with this stream.
void forbid_on_capturing(Stream& stream);

// The memory of a graph's allocation node: its address stays reserved while the node exists.
Block& add_graph_block(Context& context, size_t bytes);
void allocate_graph_block(uintptr_t address);
void free_graph_block(uintptr_t address);

}  // namespace simcuda
