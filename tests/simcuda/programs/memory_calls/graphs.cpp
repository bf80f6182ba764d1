// Graphs that allocate and free, added node by node and captured.
#include "calls.h"

namespace memory_calls {
namespace {

CUmemPoolProps on_device(int device) {
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
  return properties;
}

CUgraph make_graph() {
  CUgraph graph = nullptr;
  EXPECT_OK(driver.cuGraphCreate(&graph, 0));
  return graph;
}

CUgraph make_plain_graph() {
  CUgraphNode node = nullptr;
  CUgraph graph = make_graph();
  EXPECT_OK(driver.cuGraphAddEmptyNode(&node, graph, nullptr, 0));
  return graph;
}

CUgraphNodeParams alloc_node(size_t bytes, int device) {
  CUgraphNodeParams parameters{};
  parameters.type = CU_GRAPH_NODE_TYPE_MEM_ALLOC;
  parameters.alloc.poolProps = on_device(device);
  parameters.alloc.bytesize = bytes;
  return parameters;
}

CUgraphNodeParams free_node(CUdeviceptr address) {
  CUgraphNodeParams parameters{};
  parameters.type = CU_GRAPH_NODE_TYPE_MEM_FREE;
  parameters.free.dptr = address;
  return parameters;
}

void destroy(CUgraphExec executable, CUgraph graph) {
  EXPECT_OK(driver.cuGraphExecDestroy(executable));
  EXPECT_OK(driver.cuGraphDestroy(graph));
}

// Frees in the graph what it allocates.
void walk_closed_graph(CUstream stream) {
  CUgraph graph = make_graph();
  CUgraphNode alloc = nullptr, free = nullptr;
  CUgraphExec executable = nullptr;
  CUDA_MEM_ALLOC_NODE_PARAMS_v1 parameters{};
  parameters.poolProps = on_device(0);
  EXPECT_INVALID(driver.cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &parameters));
  parameters.bytesize = 4096;
  EXPECT_OK(driver.cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &parameters));
  EXPECT_OK(driver.cuGraphAddMemFreeNode(&free, graph, &alloc, 1, parameters.dptr));
  EXPECT_INVALID(driver.cuGraphAddMemFreeNode(&free, graph, &alloc, 1, 8));
  EXPECT_OK(driver.cuGraphInstantiate(&executable, graph, nullptr, nullptr, 0));
  EXPECT_INVALID(driver.cuGraphInstantiate(nullptr, graph, nullptr, nullptr, 0));
  EXPECT_BOTH_OK(cuGraphUpload, _ptsz, executable, stream);
  EXPECT_OK(driver.cuGraphLaunch(executable, stream));
  EXPECT_OK(driver.cuGraphLaunch(executable, stream));
  destroy(executable, graph);
  EXPECT_INVALID(driver.cuGraphDestroy(graph));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuGraphExecDestroy(executable));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuGraphLaunch(executable, stream));
}

// Its memory outlives the launch: the program frees it, another graph does, or nobody.
void walk_open_graphs(CUstream stream) {
  CUgraph one = make_graph(), two = make_graph(), three = make_graph(), frees = make_graph();
  CUgraphNode node = nullptr;
  CUgraphExec executables[3] = {}, freeing = nullptr;
  CUgraphNodeParams of_one = alloc_node(1000, 0), of_two = alloc_node(2000, 1), of_three = alloc_node(3000, 0);
  CUgraphNodeParams nothing = alloc_node(0, 0);
  EXPECT_OK(driver.cuGraphAddNode(&node, one, nullptr, 0, &of_one));
  EXPECT_INVALID(driver.cuGraphAddNode(&node, one, nullptr, 0, &nothing));
  EXPECT_OK(driver.cuGraphAddNode_v2(&node, two, nullptr, nullptr, 0, &of_two));
  EXPECT_INVALID(driver.cuGraphAddNode_v2(&node, two, nullptr, nullptr, 0, nullptr));
  EXPECT_OK(driver.cuGraphAddNode_v2(&node, three, nullptr, nullptr, 0, &of_three));
  EXPECT_OK(driver.cuGraphInstantiate_v2(&executables[0], one, nullptr, nullptr, 0));
  EXPECT_OK(driver.cuGraphInstantiateWithFlags(&executables[1], two, 0));
  EXPECT_OK(
      driver.cuGraphInstantiateWithFlags(&executables[2], three, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH));
  EXPECT_BOTH_OK(cuGraphLaunch, _ptsz, executables[2], stream);  // the second frees what the first left
  EXPECT_OK(driver.cuGraphLaunch(executables[0], stream));
  EXPECT_OK(driver.cuGraphLaunch_ptsz(executables[1], nullptr));
  EXPECT_OK(driver.cuCtxSynchronize());
  EXPECT_INVALID(driver.cuGraphLaunch_ptsz(executables[1], nullptr));  // what it left is not freed
  EXPECT_OK(driver.cuMemFree_v2(of_one.alloc.dptr));
  CUgraphNodeParams of_frees = free_node(of_two.alloc.dptr);
  EXPECT_OK(driver.cuGraphAddNode(&node, frees, nullptr, 0, &of_frees));
  EXPECT_OK(driver.cuGraphInstantiate_v2(&freeing, frees, nullptr, nullptr, 0));
  EXPECT_OK(driver.cuGraphLaunch(freeing, stream));
  EXPECT_OK(driver.cuStreamSynchronize(stream));
  EXPECT_OK(driver.cuGraphLaunch(executables[0], stream));
  EXPECT_OK(driver.cuMemFreeAsync(of_one.alloc.dptr, stream));
  EXPECT_OK(driver.cuCtxSynchronize());
  destroy(executables[0], one);
  destroy(executables[1], two);
  destroy(executables[2], three);
  destroy(freeing, frees);
  EXPECT_OK(driver.cuDeviceGraphMemTrim(0));
  EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, driver.cuDeviceGraphMemTrim(9));
}

// A graph that is taken over by another, with its memory.
void walk_moved_graph(CUstream stream) {
  CUgraph child = make_graph(), graph = make_graph(), other = make_plain_graph();
  CUgraphNode node = nullptr;
  CUgraphExec executable = nullptr;
  CUgraphNodeParams left = alloc_node(9000, 0), closed = alloc_node(10000, 0), of_child{}, of_other{};
  EXPECT_OK(driver.cuGraphAddNode_v2(&node, child, nullptr, nullptr, 0, &left));
  EXPECT_OK(driver.cuGraphAddNode_v2(&node, child, nullptr, nullptr, 0, &closed));
  CUgraphNodeParams free_of_closed = free_node(closed.alloc.dptr);
  EXPECT_OK(driver.cuGraphAddNode_v2(&node, child, &node, nullptr, 1, &free_of_closed));
  of_child.type = of_other.type = CU_GRAPH_NODE_TYPE_GRAPH;
  of_child.graph = {child, CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE};
  of_other.graph = {other, CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE};
  EXPECT_OK(driver.cuGraphAddNode_v2(&node, graph, nullptr, nullptr, 0, &of_child));
  EXPECT_OK(driver.cuGraphAddNode(&node, graph, nullptr, 0, &of_other));
  EXPECT_OK(driver.cuGraphInstantiateWithFlags(&executable, graph, 0));
  EXPECT_OK(driver.cuGraphLaunch(executable, stream));
  EXPECT_OK(driver.cuStreamSynchronize(stream));
  EXPECT_OK(driver.cuMemFree_v2(left.alloc.dptr));
  EXPECT_OK(driver.cuGraphLaunch(executable, stream));
  EXPECT_OK(driver.cuStreamSynchronize(stream));
  destroy(executable, graph);
  EXPECT_OK(driver.cuGraphDestroy(other));
}

void walk_plain_graphs() {
  CUgraph graph = make_plain_graph(), clone = nullptr;
  CUgraphNode child = nullptr, node = nullptr;
  CUgraphExec executable = nullptr, executable_too = nullptr;
  CUDA_GRAPH_INSTANTIATE_PARAMS parameters{};
  EXPECT_OK(driver.cuGraphClone(&clone, graph));
  EXPECT_INVALID(driver.cuGraphClone(nullptr, graph));
  EXPECT_OK(driver.cuGraphAddChildGraphNode(&child, graph, nullptr, 0, clone));
  EXPECT_INVALID(driver.cuGraphAddChildGraphNode(nullptr, graph, nullptr, 0, clone));
  EXPECT_OK(driver.cuGraphAddEmptyNode(&node, clone, nullptr, 0));
  EXPECT_OK(driver.cuGraphDestroyNode(node));
  EXPECT_INVALID(driver.cuGraphDestroyNode(nullptr));
  EXPECT_OK(driver.cuGraphInstantiateWithParams(&executable, graph, &parameters));
  EXPECT_OK(driver.cuGraphInstantiateWithParams_ptsz(&executable_too, graph, &parameters));
  EXPECT_INVALID(driver.cuGraphInstantiateWithParams(&executable, graph, nullptr));
  EXPECT_INVALID(driver.cuGraphInstantiateWithFlags(nullptr, graph, 0));
  CUgraphExecUpdateResult updated;
  CUgraphExecUpdateResultInfo updated_too;
  EXPECT_OK(driver.cuGraphExecUpdate(executable, graph, &node, &updated));
  EXPECT_OK(driver.cuGraphExecUpdate_v2(executable, graph, &updated_too));
  EXPECT_RESULT(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, driver.cuGraphExecUpdate(executable, clone, &node, &updated));
  EXPECT_INVALID(driver.cuGraphExecUpdate_v2(executable, graph, nullptr));
  EXPECT_OK(driver.cuGraphExecDestroy(executable));
  destroy(executable_too, graph);
  EXPECT_OK(driver.cuGraphDestroy(clone));
}

// An allocation and its free become nodes; the launch then does both.
template <class Begin, class End>
void walk_capture(CUstream stream, Begin begin, End end) {
  CUdeviceptr address = 0;
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  EXPECT_OK(begin());
  EXPECT_OK(driver.cuMemAllocAsync(&address, 6000, stream));
  EXPECT_OK(driver.cuMemsetD8Async(address, 1, 6000, stream));
  EXPECT_OK(driver.cuMemFreeAsync(address, stream));
  EXPECT_OK(end(stream, &graph));
  EXPECT_OK(driver.cuGraphInstantiateWithFlags(&executable, graph, 0));
  EXPECT_OK(driver.cuGraphLaunch(executable, stream));
  destroy(executable, graph);
}

void walk_capture_that_leaves(CUstream stream) {
  CUdeviceptr address = 0, address_too = 0;
  CUmemoryPool other = nullptr;
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  EXPECT_OK(driver.cuDeviceGetDefaultMemPool(&other, 1));
  EXPECT_OK(driver.cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  EXPECT_OK(driver.cuMemAllocAsync_ptsz(&address, 7000, stream));
  EXPECT_OK(driver.cuMemAllocFromPoolAsync(&address_too, 8000, other, stream));
  EXPECT_OK(driver.cuStreamEndCapture(stream, &graph));
  EXPECT_OK(driver.cuGraphInstantiateWithFlags(&executable, graph, 0));
  EXPECT_OK(driver.cuGraphLaunch(executable, stream));
  EXPECT_OK(driver.cuStreamSynchronize(stream));
  destroy(executable, graph);
}

// Captures that end with their streams.
void walk_abandoned_captures() {
  CUstream streams[2] = {};
  for (CUstream& stream : streams) {
    EXPECT_OK(driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    EXPECT_OK(driver.cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  }
  EXPECT_OK(driver.cuStreamDestroy(streams[0]));
  EXPECT_OK(driver.cuStreamDestroy_v2(streams[1]));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuStreamDestroy(nullptr));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuStreamDestroy_v2(nullptr));
}

}  // namespace

void walk_graphs(CUstream stream) {
  walk_closed_graph(stream);
  walk_open_graphs(stream);
  walk_moved_graph(stream);
  walk_plain_graphs();
}

void walk_captures(CUstream stream) {
  constexpr auto kMode = CU_STREAM_CAPTURE_MODE_RELAXED;
  const CUgraph to = make_graph(), to_too = make_graph();
  walk_capture(
      stream, [&] { return driver.cuStreamBeginCapture(stream); }, driver.cuStreamEndCapture);
  walk_capture(
      stream, [&] { return driver.cuStreamBeginCapture_ptsz(stream); }, driver.cuStreamEndCapture_ptsz);
  walk_capture(
      stream, [&] { return driver.cuStreamBeginCapture_v2(stream, kMode); }, driver.cuStreamEndCapture);
  walk_capture(
      stream, [&] { return driver.cuStreamBeginCapture_v2_ptsz(stream, kMode); }, driver.cuStreamEndCapture_ptsz);
  walk_capture(
      stream, [&] { return driver.cuStreamBeginCaptureToGraph(stream, to, nullptr, nullptr, 0, kMode); },
      driver.cuStreamEndCapture);
  walk_capture(
      stream, [&] { return driver.cuStreamBeginCaptureToGraph_ptsz(stream, to_too, nullptr, nullptr, 0, kMode); },
      driver.cuStreamEndCapture_ptsz);
  walk_capture_that_leaves(stream);
  walk_abandoned_captures();
  CUgraph none = nullptr;
  EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, driver.cuStreamBeginCapture(nullptr));
  EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, driver.cuStreamBeginCapture_v2(nullptr, kMode));
  EXPECT_RESULT(CUDA_ERROR_ILLEGAL_STATE, driver.cuStreamEndCapture(stream, &none));
  EXPECT_RESULT(CUDA_ERROR_ILLEGAL_STATE, driver.cuStreamEndCapture_ptsz(stream, &none));
}

}  // namespace memory_calls
