#include "graph.h"

#include <algorithm>

#include "block.h"

namespace simcuda {
namespace {

std::map<CUgraph, std::shared_ptr<Graph>>& graphs() {
  static auto* const all = new std::map<CUgraph, std::shared_ptr<Graph>>;
  return *all;
}

}  // namespace

uint64_t Graph::next_id() {
  static uint64_t last = 0;
  return ++last;
}

Node& Graph::add(CUgraphNodeType type, const CUgraphNode* dependencies, size_t count, Task task) {
  nodes.push_back({*this, type, std::move(task)});
  for (size_t i = 0; i < count; ++i) nodes.back().dependencies.push_back(node_of(dependencies[i]));
  return nodes.back();
}

std::shared_ptr<Graph> Graph::clone() const {
  require(!has_memory(), CUDA_ERROR_NOT_SUPPORTED);
  auto made = std::make_shared<Graph>(context);
  std::map<const Node*, Node*> clones;
  for (const Node& node : nodes) {
    Node& copy = made->add(node.type, nullptr, 0, node.task);
    if (node.child != nullptr) copy.child = node.child->clone();
    for (const Node* dependency : node.dependencies) copy.dependencies.push_back(clones.at(dependency));
    copy.original = &node;
    clones[&node] = &copy;
  }
  return made;
}

bool Graph::has_memory() const {
  return std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
    return node.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || node.type == CU_GRAPH_NODE_TYPE_MEM_FREE ||
           (node.child != nullptr && node.child->has_memory());
  });
}

// The addresses of its allocation nodes go with the last of the graph and what was instantiated from it, but for memory that a
// launch left.
Graph::~Graph() {
  for (const Node& node : nodes) {
    if (node.type != CU_GRAPH_NODE_TYPE_MEM_ALLOC) continue;
    Block* block = find_block_at(node.allocation.dptr);
    if (block == nullptr || block->id != node.block_id) continue;
    if (block->has_memory) {
      block->outlives_graph = true;
    } else {
      free_block(*block);
    }
  }
}

CUgraph add_graph(std::shared_ptr<Graph> graph) {
  const auto handle = reinterpret_cast<CUgraph>(graph.get());
  graphs()[handle] = std::move(graph);
  return handle;
}

Graph& graph_of(CUgraph handle) { return at_handle(graphs(), handle, CUDA_ERROR_INVALID_VALUE); }

std::shared_ptr<Graph> take_graph(CUgraph handle) {
  std::shared_ptr<Graph> graph = graph_of(handle).shared_from_this();
  graphs().erase(handle);
  return graph;
}

Block& add_graph_block(Device& device, Context& context, size_t bytes) {
  Block& block = allocate_on(device, context, Kind::graph, bytes);
  block.has_memory = false;
  return block;
}

void allocate_graph_block(uintptr_t address) {
  const Lock lock(driver_mutex());
  Block* block = find_block_at(address);
  if (block == nullptr || block->has_memory) return;
  block->has_memory = true;
  Device& device = *block->device;
  device.graph_bytes += block->bytes;
  device.graph_high_bytes = std::max(device.graph_high_bytes, device.graph_bytes);
  log_event("allocated by a graph", address, block->bytes);
}

void free_graph_block(uintptr_t address) {
  const Lock lock(driver_mutex());
  Block* block = find_block_at(address);
  if (block == nullptr || !block->has_memory) return;
  block->has_memory = false;
  block->device->graph_bytes -= block->bytes;
  log_event("freed by a graph", address, block->bytes);
  if (block->outlives_graph) free_block(*block);
}

SIMCUDA_EXPORT CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
  return run("cuGraphCreate", [&](Lock&, Call&) {
    require_argument(graph != nullptr && flags == 0);
    *graph = add_graph(std::make_shared<Graph>(current_context()));
  });
}

SIMCUDA_EXPORT CUresult cuGraphDestroy(CUgraph graph) {
  return run("cuGraphDestroy", [&](Lock&, Call& call) { call.number("graph", take_graph(graph)->id); });
}

SIMCUDA_EXPORT CUresult cuGraphClone(CUgraph* clone, CUgraph graph) {
  return run("cuGraphClone", [&](Lock&, Call& call) {
    require_argument(clone != nullptr);
    const std::shared_ptr<Graph> made = graph_of(graph).clone();
    *clone = add_graph(made);
    call.number("graph", made->id);
  });
}

SIMCUDA_EXPORT CUresult cuGraphNodeFindInClone(CUgraphNode* node, CUgraphNode original, CUgraph clone) {
  return run("cuGraphNodeFindInClone", [&](Lock&, Call&) {
    require_argument(node != nullptr && original != nullptr);
    for (Node& one : graph_of(clone).nodes) {
      if (one.original != node_of(original)) continue;
      *node = handle_of(&one);
      return;
    }
    refuse(CUDA_ERROR_INVALID_VALUE);
  });
}

}  // namespace simcuda
