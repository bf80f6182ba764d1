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
  uint64_t block_id = 0;                       // of its memory
  CUdeviceptr freed = 0;                       // of a free node
  std::shared_ptr<Graph> child{};
  const Node* original = nullptr;  // of which it is a clone
};
inline CUgraphNode handle_of(Node* node) { return reinterpret_cast<CUgraphNode>(node); }
inline Node* node_of(CUgraphNode handle) { return reinterpret_cast<Node*>(handle); }

struct Graph : std::enable_shared_from_this<Graph> {
  explicit Graph(Context& made_in) : context(made_in) {}
  ~Graph();
  Node& add(CUgraphNodeType type, const CUgraphNode* dependencies, size_t count, Task task);
  // Of no graph that allocates or frees.
  std::shared_ptr<Graph> clone() const;
  // It allocates or frees, or a child of it does: it can then not be cloned, lose a node, or be instantiated twice.
  bool has_memory() const;

  Context& context;
  std::list<Node> nodes;  // in the order in which they were added, which is one that their dependencies allow
  const uint64_t id = next_id();
  static uint64_t next_id();
};

Graph& graph_of(CUgraph handle);
CUgraph add_graph(std::shared_ptr<Graph> graph);
// Takes it from the program, for which the handle is none any more.
std::shared_ptr<Graph> take_graph(CUgraph handle);

// To be asked before the legacy default stream is used: it would have to wait for streams of its context that capture, which do not run.
void forbid_implicit(Stream& stream);

// Has a stream do it: at once, or as a node of the graph that is captured.
void submit(Lock&, Stream& stream, CUgraphNodeType type, Task task);
// The same, for the stream's latest node: nullptr where the stream does not capture.
Node* capture_node(Stream& stream, CUgraphNodeType type, Task task);

// To be asked by every call that is unsafe while a stream captures: refuses, and makes the captures invalid, as the modes of the
// captures and of the thread say.
void forbid_while_capturing();
// To be asked by calls that synchronise with this stream, or with all of this context: whatever the modes are, a capture that they meet
// becomes invalid and they are refused.
void forbid_on_capturing(Stream& stream);
void forbid_on_capturing(Context& context);

// To be called where a stream ends: a capture that began in it ends with it, and what was captured is lost.
void abandon_capture(Lock&, const Stream& stream);

// The memory of a graph's allocation node: its address stays reserved while the node exists.
Block& add_graph_block(Device& device, Context& context, size_t bytes);
void allocate_graph_block(uintptr_t address);
void free_graph_block(uintptr_t address);

}  // namespace simcuda
