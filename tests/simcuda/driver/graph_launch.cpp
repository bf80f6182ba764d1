// What is instantiated from a graph, its launches and the memory that these leave, and its updates by another graph.
#include <algorithm>

#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

// What an update may not change of a graph.
struct NodeShape {
  CUgraphNodeType type;
  std::vector<size_t> dependencies;  // by the nodes' order
  std::vector<NodeShape> child;
};

std::vector<NodeShape> shape_of(const Graph& graph) {
  std::map<const Node*, size_t> places;
  std::vector<NodeShape> shape;
  for (const Node& node : graph.nodes) {
    places[&node] = shape.size();
    NodeShape& of = shape.emplace_back(NodeShape{node.type, {}, {}});
    for (const Node* dependency : node.dependencies) of.dependencies.push_back(places.at(dependency));
    if (node.child != nullptr) of.child = shape_of(*node.child);
  }
  return shape;
}

struct ExecutableGraph {
  Context& context;
  std::shared_ptr<Graph> graph;
  std::vector<NodeShape> shape;
  unsigned long long flags;
  std::vector<Task> tasks = {};
  std::vector<uintptr_t> left = {};             // addresses of its allocation nodes that it has no free node for
  std::vector<uintptr_t> frees_of_others = {};  // addresses that another graph's launch left
  bool frees_on_launch() const { return (flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0; }
};

std::map<CUgraphExec, std::unique_ptr<ExecutableGraph>>& executables() {
  static auto* const all = new std::map<CUgraphExec, std::unique_ptr<ExecutableGraph>>;
  return *all;
}

ExecutableGraph& executable_of(CUgraphExec handle) {
  return at_handle(executables(), handle, CUDA_ERROR_INVALID_HANDLE);
}

void append_nodes(ExecutableGraph& executable, const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (node.child != nullptr) append_nodes(executable, *node.child);
    if (node.task) executable.tasks.push_back(node.task);
    if (node.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) executable.left.push_back(node.allocation.dptr);
    if (node.type == CU_GRAPH_NODE_TYPE_MEM_FREE && std::erase(executable.left, node.freed) == 0) {
      executable.frees_of_others.push_back(node.freed);
    }
  }
}

bool is_instantiated(const Graph& graph) {
  return std::any_of(executables().begin(), executables().end(),
                     [&](const auto& entry) { return entry.second->graph.get() == &graph; });
}

CUresult instantiate(const char* name, CUgraphExec* handle, CUgraph graph_handle, unsigned long long flags) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(handle != nullptr);
    forbid_while_capturing();
    Graph& graph = graph_of(graph_handle);
    call.number("graph", graph.id);
    require(!graph.has_memory() || !is_instantiated(graph), CUDA_ERROR_NOT_SUPPORTED);
    auto made = std::make_unique<ExecutableGraph>(
        ExecutableGraph{graph.context, graph.shared_from_this(), shape_of(graph), flags});
    append_nodes(*made, graph);
    *handle = reinterpret_cast<CUgraphExec>(made.get());
    executables()[*handle] = std::move(made);
  });
}

CUresult instantiate_with_log(const char* name, CUgraphExec* executable, CUgraph graph, CUgraphNode* wrong, char* log,
                              size_t log_bytes) {
  if (wrong != nullptr) *wrong = nullptr;
  if (log != nullptr && log_bytes != 0) *log = '\0';
  return instantiate(name, executable, graph, 0);
}

CUresult instantiate_with_parameters(const char* name, CUgraphExec* executable, CUgraph graph,
                                     CUDA_GRAPH_INSTANTIATE_PARAMS* parameters) {
  if (parameters == nullptr) return refused(name, CUDA_ERROR_INVALID_VALUE);
  const CUresult result = instantiate(name, executable, graph, parameters->flags);
  parameters->hErrNode_out = nullptr;
  parameters->result_out = result == CUDA_SUCCESS ? CUDA_GRAPH_INSTANTIATE_SUCCESS : CUDA_GRAPH_INSTANTIATE_ERROR;
  return result;
}

// ---- updates ----

CUgraphExecUpdateResultInfo differs(CUgraphExecUpdateResult how, Node* node, Node* from = nullptr) {
  return {how, handle_of(node), handle_of(from)};
}

// How the graph differs from that shape in what no update may change, as the header says at cuGraphExecUpdate(). Nodes are paired in their
// order. Of nodes that allocate or free it says nothing: one of those whose type or configuration is not supported.
CUgraphExecUpdateResultInfo compare(const std::vector<NodeShape>& shape, const Graph& graph) {
  const std::vector<NodeShape> now = shape_of(graph);
  if (now.size() != shape.size()) return differs(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr);
  size_t place = 0;
  for (const Node& node : graph.nodes) {
    auto* const error = const_cast<Node*>(&node);
    const NodeShape &before = shape[place], &after = now[place];
    ++place;
    if (after.dependencies.size() != before.dependencies.size()) {
      return differs(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, error);
    }
    for (size_t i = 0; i < after.dependencies.size(); ++i) {
      if (after.dependencies[i] == before.dependencies[i]) continue;
      return differs(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, error, node.dependencies[i]);
    }
    if (after.type != before.type) return differs(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, error);
    if (node.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || node.type == CU_GRAPH_NODE_TYPE_MEM_FREE) {
      return differs(CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED, error);
    }
    if (node.child == nullptr) continue;
    const CUgraphExecUpdateResultInfo inside = compare(before.child, *node.child);
    if (inside.result != CU_GRAPH_EXEC_UPDATE_SUCCESS) return inside;
  }
  return differs(CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr);
}

CUresult update(const char* name, CUgraphExec handle, CUgraph graph_handle, CUgraphExecUpdateResultInfo* result) {
  if (result == nullptr) return refused(name, CUDA_ERROR_INVALID_VALUE);
  *result = differs(CU_GRAPH_EXEC_UPDATE_ERROR, nullptr);
  return run(name, [&](Lock&, Call& call) {
    ExecutableGraph& executable = executable_of(handle);
    const Graph& graph = graph_of(graph_handle);
    call.number("graph", graph.id);
    *result = compare(executable.shape, graph);
    require(result->result == CU_GRAPH_EXEC_UPDATE_SUCCESS, CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
    executable.tasks.clear();
    append_nodes(executable, graph);
  });
}

CUresult update_with_node(const char* name, CUgraphExec executable, CUgraph graph, CUgraphNode* error,
                          CUgraphExecUpdateResult* result) {
  CUgraphExecUpdateResultInfo info;
  const CUresult returned = update(name, executable, graph, &info);
  if (error != nullptr) *error = info.errorNode;
  if (result != nullptr) *result = info.result;
  return returned;
}

// ---- launches ----

// What an earlier launch allocated and nobody freed: with that flag it is freed first, else the launch fails.
void settle_earlier_launch(const ExecutableGraph& executable, std::vector<Task>& tasks) {
  for (const uintptr_t address : executable.left) {
    Block* block = find_block_at(address);
    if (block == nullptr) continue;
    if (block->is_left_by_graph) {
      require_argument(executable.frees_on_launch());
      tasks.push_back([address] { free_graph_block(address); });
    }
    block->is_left_by_graph = true;
  }
  for (const uintptr_t address : executable.frees_of_others) {
    if (Block* block = find_block_at(address); block != nullptr) block->is_left_by_graph = false;
  }
}

CUresult launch(const char* name, CUgraphExec handle, CUstream stream_handle, bool per_thread) {
  return run(name, [&](Lock& lock, Call& call) {
    const ExecutableGraph& executable = executable_of(handle);
    Stream& stream = stream_of(stream_handle, per_thread);
    call.number("graph", executable.graph->id).number("stream", stream.id);
    std::vector<Task> tasks;
    settle_earlier_launch(executable, tasks);
    tasks.insert(tasks.end(), executable.tasks.begin(), executable.tasks.end());
    submit(lock, stream, CU_GRAPH_NODE_TYPE_GRAPH, [tasks] {
      for (const Task& task : tasks) task();
    });
  });
}

// There is nothing to prepare.
CUresult upload(const char* name, CUgraphExec handle, CUstream stream, bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    stream_of(stream, per_thread);
    call.number("graph", executable_of(handle).graph->id);
  });
}

}  // namespace

SIMCUDA_EXPORT CUresult cuGraphInstantiate(CUgraphExec* executable, CUgraph graph, CUgraphNode* wrong, char* log,
                                           size_t log_bytes) {
  return instantiate_with_log("cuGraphInstantiate", executable, graph, wrong, log, log_bytes);
}
SIMCUDA_EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec* executable, CUgraph graph, CUgraphNode* wrong, char* log,
                                              size_t log_bytes) {
  return instantiate_with_log("cuGraphInstantiate_v2", executable, graph, wrong, log, log_bytes);
}
SIMCUDA_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long flags) {
  return instantiate("cuGraphInstantiateWithFlags", executable, graph, flags);
}
SIMCUDA_TWO_FORMS(cuGraphInstantiateWithParams, _ptsz,
                  (CUgraphExec * executable, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS* parameters),
                  (static_cast<void>(per_thread),
                   instantiate_with_parameters(name_of_call, executable, graph, parameters)))

SIMCUDA_EXPORT CUresult cuGraphExecGetFlags(CUgraphExec executable, cuuint64_t* flags) {
  return run("cuGraphExecGetFlags", [&](Lock&, Call&) {
    require_argument(flags != nullptr);
    *flags = executable_of(executable).flags;
  });
}

SIMCUDA_EXPORT CUresult cuGraphExecUpdate(CUgraphExec executable, CUgraph graph, CUgraphNode* error,
                                          CUgraphExecUpdateResult* result) {
  return update_with_node("cuGraphExecUpdate", executable, graph, error, result);
}
SIMCUDA_EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec executable, CUgraph graph,
                                             CUgraphExecUpdateResultInfo* result) {
  return update("cuGraphExecUpdate_v2", executable, graph, result);
}

// Memory that a launch left stays.
SIMCUDA_EXPORT CUresult cuGraphExecDestroy(CUgraphExec executable) {
  return run("cuGraphExecDestroy", [&](Lock& lock, Call& call) {
    ExecutableGraph& of = executable_of(executable);
    call.number("graph", of.graph->id);
    wait_for(lock, work_of(of.context));
    executables().erase(executable);
  });
}

// Its allocations and frees are of each launch; what it did not free stays allocated after it.
SIMCUDA_TWO_FORMS(cuGraphLaunch, _ptsz, (CUgraphExec executable, CUstream stream),
                  launch(name_of_call, executable, stream, per_thread))
SIMCUDA_TWO_FORMS(cuGraphUpload, _ptsz, (CUgraphExec executable, CUstream stream),
                  upload(name_of_call, executable, stream, per_thread))

// All of the graphs' unused memory is the device's already.
SIMCUDA_EXPORT CUresult cuDeviceGraphMemTrim(CUdevice device) {
  return run("cuDeviceGraphMemTrim",
             [&](Lock&, Call& call) { call.number("device", static_cast<uint64_t>(device_of(device).ordinal)); });
}

namespace {

bool is_high_water_mark(CUgraphMem_attribute attribute) {
  return attribute == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH || attribute == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH;
}

}  // namespace

SIMCUDA_EXPORT CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void* value) {
  return run("cuDeviceGetGraphMemAttribute", [&](Lock&, Call&) {
    require_argument(value != nullptr);
    const Device& of = device_of(device);
    *static_cast<cuuint64_t*>(value) = is_high_water_mark(attribute) ? of.graph_high_bytes : of.graph_bytes;
  });
}

// A mark can only be brought down to what is in use.
SIMCUDA_EXPORT CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void* value) {
  return run("cuDeviceSetGraphMemAttribute", [&](Lock&, Call&) {
    require_argument(value != nullptr && is_high_water_mark(attribute) && *static_cast<cuuint64_t*>(value) == 0);
    Device& of = device_of(device);
    of.graph_high_bytes = of.graph_bytes;
  });
}

}  // namespace simcuda
