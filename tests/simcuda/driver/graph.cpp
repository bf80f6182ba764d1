#include "graph.h"

#include <algorithm>

#include "block.h"

namespace simcuda {
namespace {

std::map<CUgraph, std::shared_ptr<Graph>>& graphs() {
  static auto* const all = new std::map<CUgraph, std::shared_ptr<Graph>>;
  return *all;
}

std::map<CUgraphExec, std::unique_ptr<ExecutableGraph>>& executables() {
  static auto* const all = new std::map<CUgraphExec, std::unique_ptr<ExecutableGraph>>;
  return *all;
}

ExecutableGraph& executable_of(CUgraphExec handle) {
  return at_handle(executables(), handle, CUDA_ERROR_INVALID_HANDLE);
}

void append_tasks(const Graph& graph, std::vector<Task>& tasks, std::vector<uintptr_t>& left) {
  for (const Node& node : graph.nodes) {
    if (node.child != nullptr) append_tasks(*node.child, tasks, left);
    if (node.task) tasks.push_back(node.task);
    if (node.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) left.push_back(node.allocation.dptr);
    if (node.type == CU_GRAPH_NODE_TYPE_MEM_FREE) std::erase(left, node.freed);
  }
}

CUgraphExec instantiate(Graph& graph, unsigned long long flags) {
  auto made =
      std::make_unique<ExecutableGraph>(ExecutableGraph{graph.context, graph.shared_from_this(), {}, flags, {}});
  append_tasks(graph, made->tasks, made->left);
  const auto handle = reinterpret_cast<CUgraphExec>(made.get());
  executables()[handle] = std::move(made);
  return handle;
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

bool Graph::owns_memory() const {
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const Node& node) { return node.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC; });
}

// The addresses of its allocation nodes go with the last of the graph and what was instantiated from it.
Graph::~Graph() {
  for (const Node& node : nodes) {
    if (node.type != CU_GRAPH_NODE_TYPE_MEM_ALLOC) continue;
    if (const Block* block = find_block_at(node.allocation.dptr); block != nullptr) free_block(*block);
  }
}

CUgraph add_graph(std::shared_ptr<Graph> graph) {
  const auto handle = reinterpret_cast<CUgraph>(graph.get());
  graphs()[handle] = std::move(graph);
  return handle;
}

Graph& graph_of(CUgraph handle) { return at_handle(graphs(), handle, CUDA_ERROR_INVALID_VALUE); }

Block& add_graph_block(Context& context, size_t bytes) {
  Block& block = allocate_on_device(context, Kind::graph, bytes);
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
}

SIMCUDA_EXPORT CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
  return run("cuGraphCreate", [&](Lock&, Call&) {
    require_argument(graph != nullptr && flags == 0);
    *graph = add_graph(std::make_shared<Graph>(current_context()));
  });
}

SIMCUDA_EXPORT CUresult cuGraphDestroy(CUgraph graph) {
  return run("cuGraphDestroy", [&](Lock&, Call& call) {
    call.number("graph", graph_of(graph).id);
    graphs().erase(graph);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddMemAllocNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                               size_t count, CUDA_MEM_ALLOC_NODE_PARAMS_v1* parameters) {
  return run("cuGraphAddMemAllocNode", [&](Lock&, Call& call) {
    require_argument(node != nullptr && parameters != nullptr && parameters->bytesize != 0);
    Graph& in = graph_of(graph);
    const Block& block = add_graph_block(in.context, parameters->bytesize);
    const uintptr_t address = block.address;
    parameters->dptr = address;
    Node& made =
        in.add(CU_GRAPH_NODE_TYPE_MEM_ALLOC, dependencies, count, [address] { allocate_graph_block(address); });
    made.allocation = *parameters;
    *node = handle_of(&made);
    call.number("address", address).number("bytes", block.bytes).number("graph", in.id);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddMemFreeNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                              size_t count, CUdeviceptr address) {
  return run("cuGraphAddMemFreeNode", [&](Lock&, Call& call) {
    Graph& in = graph_of(graph);
    const Block* block = find_block_at(address);
    require_argument(node != nullptr && block != nullptr && block->kind == Kind::graph);
    Node& made = in.add(CU_GRAPH_NODE_TYPE_MEM_FREE, dependencies, count, [address] { free_graph_block(address); });
    made.freed = address;
    *node = handle_of(&made);
    call.number("address", address).number("graph", in.id);
  });
}

SIMCUDA_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long flags) {
  return run("cuGraphInstantiateWithFlags", [&](Lock&, Call& call) {
    require_argument(executable != nullptr);
    forbid_while_capturing();
    *executable = instantiate(graph_of(graph), flags);
    call.number("graph", graph_of(graph).id);
  });
}

namespace {

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

}  // namespace

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

SIMCUDA_EXPORT CUresult cuGraphClone(CUgraph* clone, CUgraph graph) {
  return run("cuGraphClone", [&](Lock&, Call& call) {
    require_argument(clone != nullptr);
    Graph& of = graph_of(graph);
    require(!of.owns_memory(), CUDA_ERROR_NOT_SUPPORTED);
    auto made = std::make_shared<Graph>(of.context);
    for (const Node& node : of.nodes) made->add(node.type, nullptr, 0, node.task).child = node.child;
    *clone = add_graph(made);
    call.number("graph", made->id);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddChildGraphNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                                 size_t count, CUgraph child) {
  return run("cuGraphAddChildGraphNode", [&](Lock&, Call&) {
    require_argument(node != nullptr);
    Graph& of = graph_of(child);
    require(!of.owns_memory(), CUDA_ERROR_NOT_SUPPORTED);
    Node& made = graph_of(graph).add(CU_GRAPH_NODE_TYPE_GRAPH, dependencies, count, {});
    made.child = of.shared_from_this();
    *node = handle_of(&made);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                            size_t count) {
  return run("cuGraphAddEmptyNode", [&](Lock&, Call&) {
    require_argument(node != nullptr);
    *node = handle_of(&graph_of(graph).add(CU_GRAPH_NODE_TYPE_EMPTY, dependencies, count, {}));
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                           size_t count, const CUDA_HOST_NODE_PARAMS* parameters) {
  return run("cuGraphAddHostNode", [&](Lock&, Call&) {
    require_argument(node != nullptr && parameters != nullptr);
    Task task = [function = parameters->fn, data = parameters->userData] { function(data); };
    *node = handle_of(&graph_of(graph).add(CU_GRAPH_NODE_TYPE_HOST, dependencies, count, std::move(task)));
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

SIMCUDA_EXPORT CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  return run("cuGraphNodeGetType", [&](Lock&, Call&) {
    require_argument(node != nullptr && type != nullptr);
    *type = node_of(node)->type;
  });
}

SIMCUDA_EXPORT CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  return run("cuGraphGetNodes", [&](Lock&, Call&) {
    require_argument(count != nullptr);
    Graph& of = graph_of(graph);
    size_t given = 0;
    for (Node& node : of.nodes) {
      if (nodes != nullptr && given < *count) nodes[given++] = handle_of(&node);
    }
    *count = nodes == nullptr ? of.nodes.size() : given;
  });
}

SIMCUDA_EXPORT CUresult cuDeviceGraphMemTrim(CUdevice device) {
  return run("cuDeviceGraphMemTrim",
             [&](Lock&, Call& call) { call.number("device", static_cast<uint64_t>(device_of(device).ordinal)); });
}

SIMCUDA_EXPORT CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void* value) {
  return run("cuDeviceGetGraphMemAttribute", [&](Lock&, Call&) {
    require_argument(value != nullptr);
    const Device& of = device_of(device);
    const bool is_high =
        attribute == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH || attribute == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH;
    *static_cast<cuuint64_t*>(value) = is_high ? of.graph_high_bytes : of.graph_bytes;
  });
}

}  // namespace simcuda
