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

CUgraph handle_of(const std::shared_ptr<Graph>& graph) { return reinterpret_cast<CUgraph>(graph.get()); }

ExecutableGraph& executable_of(CUgraphExec handle) {
  const auto found = executables().find(handle);
  require(found != executables().end(), CUDA_ERROR_INVALID_HANDLE);
  return *found->second;
}

// Captures in progress.
std::vector<std::shared_ptr<Capture>>& captures() {
  static auto* const all = new std::vector<std::shared_ptr<Capture>>;
  return *all;
}

thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

bool forbids(const Capture& capture) {
  const bool is_own = capture.thread == std::this_thread::get_id();
  if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  if (is_own) return capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
  return thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

Block& add_graph_block(Context& context, size_t bytes) {
  Block& block = allocate_on_device(context, Kind::graph, bytes);
  block.has_memory = false;
  return block;
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

Graph& graph_of(CUgraph handle) {
  const auto found = graphs().find(handle);
  require(found != graphs().end(), CUDA_ERROR_INVALID_VALUE);
  return *found->second;
}

Node* capture_node(Stream& stream, CUgraphNodeType type, Task task) {
  if (stream.capture == nullptr) return nullptr;
  require(stream.capture->valid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  std::vector<CUgraphNode>& dependencies = stream.capture_dependencies;
  Node& node = stream.capture->graph->add(type, dependencies.data(), dependencies.size(), std::move(task));
  dependencies = {simcuda::handle_of(&node)};
  return &node;
}

void submit(Lock& lock, Stream& stream, CUgraphNodeType type, Task task) {
  if (stream.kind == StreamKind::legacy_default) {
    // It would have to wait for a stream that does not run.
    for (const auto& [handle, other] : stream.context.streams) {
      if (other->capture == nullptr || !other->is_blocking()) continue;
      other->capture->valid = false;
      refuse(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    }
  }
  if (stream.capture != nullptr) {
    capture_node(stream, type, std::move(task));
  } else {
    stream.enqueue(lock, std::move(task));
  }
}

void forbid_while_capturing() {
  bool forbidden = false;
  for (const auto& capture : captures()) {
    if (!forbids(*capture)) continue;
    capture->valid = false;
    forbidden = true;
  }
  require(!forbidden, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

void forbid_on_capturing(Stream& stream) {
  if (stream.capture == nullptr) return;
  stream.capture->valid = false;
  refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
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

// ---- captures ----

namespace {

std::shared_ptr<Capture> begin_capture(Stream& stream, CUstreamCaptureMode mode, std::shared_ptr<Graph> graph) {
  require(stream.kind != StreamKind::legacy_default, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  require(stream.capture == nullptr, CUDA_ERROR_ILLEGAL_STATE);
  static uint64_t last_id = 0;
  auto capture = std::make_shared<Capture>(
      Capture{std::move(graph), ++last_id, mode, std::this_thread::get_id(), /*is_origin=*/true});
  captures().push_back(capture);
  stream.capture = capture;
  stream.capture_dependencies.clear();
  return capture;
}

// What the thread may not do: end a capture of another thread's, unless it is relaxed.
std::shared_ptr<Capture> end_capture(Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  require(capture != nullptr, CUDA_ERROR_ILLEGAL_STATE);
  require(capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED || capture->thread == std::this_thread::get_id(),
          CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  std::erase(captures(), capture);
  for (Context* context : all_contexts()) {
    for (const auto& [handle, other] : context->streams) {
      if (other->capture == capture) other->capture = nullptr;
    }
  }
  return capture;
}

CUresult stream_begin_capture(const char* name, CUstream stream, CUstreamCaptureMode mode, bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    Stream& of = stream_of(stream, per_thread);
    auto graph = std::make_shared<Graph>(of.context);
    call.number("stream", begin_capture(of, mode, graph)->id);
  });
}

CUresult stream_begin_capture_to_graph(const char* name, CUstream stream, CUgraph graph,
                                       const CUgraphNode* dependencies, size_t count, CUstreamCaptureMode mode,
                                       bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    Stream& of = stream_of(stream, per_thread);
    call.number("stream", begin_capture(of, mode, graph_of(graph).shared_from_this())->id);
    of.capture_dependencies.assign(dependencies, dependencies + count);
  });
}

CUresult stream_end_capture(const char* name, CUstream stream, CUgraph* graph, bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(graph != nullptr);
    *graph = nullptr;
    const std::shared_ptr<Capture> capture = end_capture(stream_of(stream, per_thread));
    call.number("stream", capture->id);
    require(capture->valid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    *graph = handle_of(capture->graph);
    graphs()[*graph] = capture->graph;
  });
}

CUresult stream_is_capturing(CUstream stream, CUstreamCaptureStatus* status, bool per_thread) {
  return run("cuStreamIsCapturing", [&](Lock&, Call&) {
    require_argument(status != nullptr);
    const auto& capture = stream_of(stream, per_thread).capture;
    *status = capture == nullptr ? CU_STREAM_CAPTURE_STATUS_NONE
              : capture->valid   ? CU_STREAM_CAPTURE_STATUS_ACTIVE
                                 : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
  });
}

CUresult stream_capture_info(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                             const CUgraphNode** dependencies, size_t* count, bool per_thread) {
  if (const CUresult result = stream_is_capturing(stream, status, per_thread); result != CUDA_SUCCESS) return result;
  return run("cuStreamGetCaptureInfo", [&](Lock&, Call&) {
    Stream& of = stream_of(stream, per_thread);
    if (of.capture == nullptr) return;
    if (id != nullptr) *id = of.capture->id;
    if (graph != nullptr) *graph = handle_of(of.capture->graph);
    if (dependencies != nullptr) *dependencies = of.capture_dependencies.data();
    if (count != nullptr) *count = of.capture_dependencies.size();
  });
}

}  // namespace

// The two forms of a function: null means the legacy default stream, or the thread's own.
SIMCUDA_EXPORT CUresult cuStreamBeginCapture(CUstream stream) {
  return stream_begin_capture("cuStreamBeginCapture", stream, CU_STREAM_CAPTURE_MODE_GLOBAL, false);
}
SIMCUDA_EXPORT CUresult cuStreamBeginCapture_ptsz(CUstream stream) {
  return stream_begin_capture("cuStreamBeginCapture_ptsz", stream, CU_STREAM_CAPTURE_MODE_GLOBAL, true);
}
SIMCUDA_EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  return stream_begin_capture("cuStreamBeginCapture_v2", stream, mode, false);
}
SIMCUDA_EXPORT CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, CUstreamCaptureMode mode) {
  return stream_begin_capture("cuStreamBeginCapture_v2_ptsz", stream, mode, true);
}
SIMCUDA_EXPORT CUresult cuStreamBeginCaptureToGraph(CUstream stream, CUgraph graph, const CUgraphNode* dependencies,
                                                    const CUgraphEdgeData*, size_t count, CUstreamCaptureMode mode) {
  return stream_begin_capture_to_graph("cuStreamBeginCaptureToGraph", stream, graph, dependencies, count, mode, false);
}
SIMCUDA_EXPORT CUresult cuStreamBeginCaptureToGraph_ptsz(CUstream stream, CUgraph graph,
                                                         const CUgraphNode* dependencies, const CUgraphEdgeData*,
                                                         size_t count, CUstreamCaptureMode mode) {
  return stream_begin_capture_to_graph("cuStreamBeginCaptureToGraph_ptsz", stream, graph, dependencies, count, mode,
                                       true);
}
SIMCUDA_EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  return stream_end_capture("cuStreamEndCapture", stream, graph, false);
}
SIMCUDA_EXPORT CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph* graph) {
  return stream_end_capture("cuStreamEndCapture_ptsz", stream, graph, true);
}
SIMCUDA_EXPORT CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
  return stream_is_capturing(stream, status, false);
}
SIMCUDA_EXPORT CUresult cuStreamIsCapturing_ptsz(CUstream stream, CUstreamCaptureStatus* status) {
  return stream_is_capturing(stream, status, true);
}
SIMCUDA_EXPORT CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                                  CUgraph* graph, const CUgraphNode** dependencies, size_t* count) {
  return stream_capture_info(stream, status, id, graph, dependencies, count, false);
}
SIMCUDA_EXPORT CUresult cuStreamGetCaptureInfo_v2_ptsz(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                                       CUgraph* graph, const CUgraphNode** dependencies,
                                                       size_t* count) {
  return stream_capture_info(stream, status, id, graph, dependencies, count, true);
}
SIMCUDA_EXPORT CUresult cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                                  CUgraph* graph, const CUgraphNode** dependencies,
                                                  const CUgraphEdgeData** edges, size_t* count) {
  if (edges != nullptr) *edges = nullptr;
  return stream_capture_info(stream, status, id, graph, dependencies, count, false);
}
SIMCUDA_EXPORT CUresult cuStreamGetCaptureInfo_v3_ptsz(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                                       CUgraph* graph, const CUgraphNode** dependencies,
                                                       const CUgraphEdgeData** edges, size_t* count) {
  if (edges != nullptr) *edges = nullptr;
  return stream_capture_info(stream, status, id, graph, dependencies, count, true);
}
SIMCUDA_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  return run("cuThreadExchangeStreamCaptureMode", [&](Lock&, Call&) {
    require_argument(mode != nullptr);
    std::swap(*mode, thread_mode);
  });
}

// ---- graphs ----

SIMCUDA_EXPORT CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
  return run("cuGraphCreate", [&](Lock&, Call&) {
    require_argument(graph != nullptr && flags == 0);
    auto made = std::make_shared<Graph>(current_context());
    *graph = handle_of(made);
    graphs()[*graph] = made;
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
    *node = simcuda::handle_of(&made);
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
    *node = simcuda::handle_of(&made);
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
SIMCUDA_EXPORT CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  return launch("cuGraphLaunch", executable, stream, false);
}
SIMCUDA_EXPORT CUresult cuGraphLaunch_ptsz(CUgraphExec executable, CUstream stream) {
  return launch("cuGraphLaunch_ptsz", executable, stream, true);
}

SIMCUDA_EXPORT CUresult cuGraphClone(CUgraph* clone, CUgraph graph) {
  return run("cuGraphClone", [&](Lock&, Call& call) {
    require_argument(clone != nullptr);
    Graph& of = graph_of(graph);
    require(!of.owns_memory(), CUDA_ERROR_NOT_SUPPORTED);
    auto made = std::make_shared<Graph>(of.context);
    for (const Node& node : of.nodes) made->add(node.type, nullptr, 0, node.task).child = node.child;
    *clone = handle_of(made);
    graphs()[*clone] = made;
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
    *node = simcuda::handle_of(&made);
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                            size_t count) {
  return run("cuGraphAddEmptyNode", [&](Lock&, Call&) {
    require_argument(node != nullptr);
    *node = simcuda::handle_of(&graph_of(graph).add(CU_GRAPH_NODE_TYPE_EMPTY, dependencies, count, {}));
  });
}

SIMCUDA_EXPORT CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                           size_t count, const CUDA_HOST_NODE_PARAMS* parameters) {
  return run("cuGraphAddHostNode", [&](Lock&, Call&) {
    require_argument(node != nullptr && parameters != nullptr);
    Task task = [function = parameters->fn, data = parameters->userData] { function(data); };
    *node = simcuda::handle_of(&graph_of(graph).add(CU_GRAPH_NODE_TYPE_HOST, dependencies, count, std::move(task)));
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
      if (nodes != nullptr && given < *count) nodes[given++] = simcuda::handle_of(&node);
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
