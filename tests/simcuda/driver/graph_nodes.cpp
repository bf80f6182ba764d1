// Nodes: how programs add each kind, what they ask of one, and how one goes.
#include <algorithm>

#include "block.h"
#include "copies.h"
#include "graph.h"
#include "modules.h"

namespace simcuda {
namespace {

// Where a node is to be added.
struct Place {
  Graph& graph;
  const CUgraphNode* dependencies;
  size_t count;
  Node& add(CUgraphNodeType type, Task task) const { return graph.add(type, dependencies, count, std::move(task)); }
};

template <class Parameters>
Node& add_allocation(Call& call, const Place& place, Parameters& parameters) {
  require_argument(parameters.bytesize != 0);
  const CUmemLocation& location = parameters.poolProps.location;
  Context& context = place.graph.context;
  Device& device = location.type == CU_MEM_LOCATION_TYPE_DEVICE ? device_of(location.id) : context.device;
  const Block& block = add_graph_block(device, context, parameters.bytesize);
  const uintptr_t address = block.address;
  parameters.dptr = address;
  Node& made = place.add(CU_GRAPH_NODE_TYPE_MEM_ALLOC, [address] { allocate_graph_block(address); });
  made.allocation = {parameters.poolProps, nullptr, 0, parameters.bytesize, parameters.dptr};
  made.block_id = block.id;
  describe(call, block).number("node", reinterpret_cast<uintptr_t>(&made));
  return made;
}

Node& add_free(Call& call, const Place& place, CUdeviceptr address) {
  call.number("address", address);
  const Block* block = find_block_at(address);
  require_argument(block != nullptr && block->kind == Kind::graph);
  Node& made = place.add(CU_GRAPH_NODE_TYPE_MEM_FREE, [address] { free_graph_block(address); });
  made.freed = address;
  return made;
}

Node& add_host(const Place& place, CUhostFn function, void* data) {
  require_argument(function != nullptr);
  return place.add(CU_GRAPH_NODE_TYPE_HOST, [function, data] { function(data); });
}

Node& add_child(Call& call, const Place& place, std::shared_ptr<Graph> child) {
  call.number("child", child->id);
  Node& made = place.add(CU_GRAPH_NODE_TYPE_GRAPH, {});
  made.child = std::move(child);
  return made;
}

Node& add_copy(const Place& place, const CUDA_MEMCPY3D& parameters) {
  return place.add(CU_GRAPH_NODE_TYPE_MEMCPY, node_copy_task(place.graph.context, transfer_of(parameters)));
}

Node& add_set(const Place& place, const CUDA_MEMSET_NODE_PARAMS& parameters) {
  return place.add(CU_GRAPH_NODE_TYPE_MEMSET, set_task(place.graph.context, parameters));
}

template <class Parameters>
Node& add_kernel(const Place& place, const Parameters& p, CUfunction function) {
  const Shape shape{{p.gridDimX, p.gridDimY, p.gridDimZ}, {p.blockDimX, p.blockDimY, p.blockDimZ}};
  return place.add(CU_GRAPH_NODE_TYPE_KERNEL, kernel_task(function, shape, p.kernelParams));
}
template <class Parameters>
CUfunction function_of(const Parameters& p) {
  return p.func != nullptr ? p.func : reinterpret_cast<CUfunction>(p.kern);
}

std::shared_ptr<Graph> child_of(const CUDA_CHILD_GRAPH_NODE_PARAMS& parameters) {
  const bool is_moved = parameters.ownership == CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE;
  return is_moved ? take_graph(parameters.graph) : graph_of(parameters.graph).clone();
}

Node& add_any(Call& call, const Place& place, CUgraphNodeParams& p) {
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
      return add_kernel(place, p.kernel, function_of(p.kernel));
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return add_copy(place, p.memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v2& set = p.memset;
      return add_set(place, {set.dst, set.pitch, set.value, set.elementSize, set.width, set.height});
    }
    case CU_GRAPH_NODE_TYPE_HOST:
      return add_host(place, p.host.fn, p.host.userData);
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return add_child(call, place, child_of(p.graph));
    case CU_GRAPH_NODE_TYPE_EMPTY:
      return place.add(CU_GRAPH_NODE_TYPE_EMPTY, {});
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
      return add_allocation(call, place, p.alloc);
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
      return add_free(call, place, p.free.dptr);
    default:
      refuse(CUDA_ERROR_NOT_SUPPORTED);
  }
}

// add(Call&, const Place&) gives the node.
template <class Add>
CUresult add_node(const char* name, CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                  Add add) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(node != nullptr && (count == 0 || dependencies != nullptr));
    const Place place{graph_of(graph), dependencies, count};
    call.number("graph", place.graph.id);
    *node = handle_of(&add(call, place));
  });
}

CUresult add_node_of_any_type(const char* name, CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                              size_t count, CUgraphNodeParams* parameters) {
  return add_node(name, node, graph, dependencies, count, [&](Call& call, const Place& place) -> Node& {
    require_argument(parameters != nullptr);
    call.number("type", parameters->type);
    return add_any(call, place, *parameters);
  });
}

// As many handles as there is room for; without room, how many there are.
void list_nodes(CUgraphNode* nodes, size_t* count, const std::vector<Node*>& listed) {
  require_argument(count != nullptr);
  if (nodes == nullptr) {
    *count = listed.size();
    return;
  }
  *count = std::min(*count, listed.size());
  for (size_t i = 0; i < *count; ++i) nodes[i] = handle_of(listed[i]);
}

CUresult list_dependencies(const char* name, CUgraphNode node, CUgraphNode* dependencies, size_t* count) {
  return run(name, [&](Lock&, Call&) {
    require_argument(node != nullptr);
    list_nodes(dependencies, count, node_of(node)->dependencies);
  });
}

}  // namespace

SIMCUDA_EXPORT CUresult cuGraphAddMemAllocNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                               size_t count, CUDA_MEM_ALLOC_NODE_PARAMS_v1* parameters) {
  return add_node("cuGraphAddMemAllocNode", node, graph, dependencies, count,
                  [&](Call& call, const Place& place) -> Node& {
                    require_argument(parameters != nullptr);
                    return add_allocation(call, place, *parameters);
                  });
}

SIMCUDA_EXPORT CUresult cuGraphAddMemFreeNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                              size_t count, CUdeviceptr address) {
  return add_node("cuGraphAddMemFreeNode", node, graph, dependencies, count,
                  [&](Call& call, const Place& place) -> Node& { return add_free(call, place, address); });
}

SIMCUDA_EXPORT CUresult cuGraphAddMemcpyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                             size_t count, const CUDA_MEMCPY3D* parameters, CUcontext) {
  return add_node("cuGraphAddMemcpyNode", node, graph, dependencies, count, [&](Call&, const Place& place) -> Node& {
    require_argument(parameters != nullptr);
    return add_copy(place, *parameters);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddMemsetNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                             size_t count, const CUDA_MEMSET_NODE_PARAMS* parameters, CUcontext) {
  return add_node("cuGraphAddMemsetNode", node, graph, dependencies, count, [&](Call&, const Place& place) -> Node& {
    require_argument(parameters != nullptr);
    return add_set(place, *parameters);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddKernelNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                             size_t count, const CUDA_KERNEL_NODE_PARAMS_v1* parameters) {
  return add_node("cuGraphAddKernelNode", node, graph, dependencies, count, [&](Call&, const Place& place) -> Node& {
    require_argument(parameters != nullptr);
    return add_kernel(place, *parameters, parameters->func);
  });
}
SIMCUDA_EXPORT CUresult cuGraphAddKernelNode_v2(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                                size_t count, const CUDA_KERNEL_NODE_PARAMS_v2* parameters) {
  return add_node("cuGraphAddKernelNode_v2", node, graph, dependencies, count, [&](Call&, const Place& place) -> Node& {
    require_argument(parameters != nullptr);
    return add_kernel(place, *parameters, function_of(*parameters));
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddChildGraphNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                                 size_t count, CUgraph child) {
  return add_node(
      "cuGraphAddChildGraphNode", node, graph, dependencies, count,
      [&](Call& call, const Place& place) -> Node& { return add_child(call, place, graph_of(child).clone()); });
}

SIMCUDA_EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                            size_t count) {
  return add_node("cuGraphAddEmptyNode", node, graph, dependencies, count,
                  [&](Call&, const Place& place) -> Node& { return place.add(CU_GRAPH_NODE_TYPE_EMPTY, {}); });
}

SIMCUDA_EXPORT CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                           size_t count, const CUDA_HOST_NODE_PARAMS* parameters) {
  return add_node("cuGraphAddHostNode", node, graph, dependencies, count, [&](Call&, const Place& place) -> Node& {
    require_argument(parameters != nullptr);
    return add_host(place, parameters->fn, parameters->userData);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                       CUgraphNodeParams* parameters) {
  return add_node_of_any_type("cuGraphAddNode", node, graph, dependencies, count, parameters);
}
SIMCUDA_EXPORT CUresult cuGraphAddNode_v2(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                          const CUgraphEdgeData*, size_t count, CUgraphNodeParams* parameters) {
  return add_node_of_any_type("cuGraphAddNode_v2", node, graph, dependencies, count, parameters);
}

SIMCUDA_EXPORT CUresult cuGraphDestroyNode(CUgraphNode handle) {
  return run("cuGraphDestroyNode", [&](Lock&, Call& call) {
    require_argument(handle != nullptr);
    Node* const gone = node_of(handle);
    Graph& graph = gone->graph;
    call.number("graph", graph.id);
    require(!graph.has_memory(), CUDA_ERROR_NOT_SUPPORTED);
    for (Node& node : graph.nodes) std::erase(node.dependencies, gone);
    graph.nodes.remove_if([gone](const Node& node) { return &node == gone; });
  });
}

SIMCUDA_EXPORT CUresult cuGraphMemAllocNodeGetParams(CUgraphNode node, CUDA_MEM_ALLOC_NODE_PARAMS_v1* parameters) {
  return run("cuGraphMemAllocNodeGetParams", [&](Lock&, Call&) {
    require_argument(node != nullptr && parameters != nullptr);
    *parameters = node_of(node)->allocation;
  });
}

SIMCUDA_EXPORT CUresult cuGraphMemFreeNodeGetParams(CUgraphNode node, CUdeviceptr* address) {
  return run("cuGraphMemFreeNodeGetParams", [&](Lock&, Call&) {
    require_argument(node != nullptr && address != nullptr);
    *address = node_of(node)->freed;
  });
}

// The graph stays the parent's.
SIMCUDA_EXPORT CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph* graph) {
  return run("cuGraphChildGraphNodeGetGraph", [&](Lock&, Call&) {
    require_argument(node != nullptr && graph != nullptr && node_of(node)->child != nullptr);
    *graph = reinterpret_cast<CUgraph>(node_of(node)->child.get());
  });
}

SIMCUDA_EXPORT CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  return run("cuGraphNodeGetType", [&](Lock&, Call&) {
    require_argument(node != nullptr && type != nullptr);
    *type = node_of(node)->type;
  });
}

SIMCUDA_EXPORT CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  return run("cuGraphGetNodes", [&](Lock&, Call&) {
    std::vector<Node*> all;
    for (Node& node : graph_of(graph).nodes) all.push_back(&node);
    list_nodes(nodes, count, all);
  });
}

SIMCUDA_EXPORT CUresult cuGraphGetRootNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  return run("cuGraphGetRootNodes", [&](Lock&, Call&) {
    std::vector<Node*> roots;
    for (Node& node : graph_of(graph).nodes) {
      if (node.dependencies.empty()) roots.push_back(&node);
    }
    list_nodes(nodes, count, roots);
  });
}

SIMCUDA_EXPORT CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode* dependencies, size_t* count) {
  return list_dependencies("cuGraphNodeGetDependencies", node, dependencies, count);
}
SIMCUDA_EXPORT CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode* dependencies, CUgraphEdgeData*,
                                                      size_t* count) {
  return list_dependencies("cuGraphNodeGetDependencies_v2", node, dependencies, count);
}

}  // namespace simcuda
