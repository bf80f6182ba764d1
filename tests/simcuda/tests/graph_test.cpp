#include <array>
#include <atomic>

#include "driver_test.h"

namespace simcuda {
namespace {

class Graphs : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    EXPECT_OK(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING));
    EXPECT_OK(cuGraphCreate(&graph_, 0));
  }
  // The node after `before`, which may be null.
  CUgraphNode add(CUgraphNodeParams& parameters, CUgraphNode before = nullptr) {
    CUgraphNode node = nullptr;
    EXPECT_OK(cuGraphAddNode(&node, graph_, &before, nullptr, before == nullptr ? 0 : 1, &parameters));
    return node;
  }
  CUgraphNode add_allocation(CUgraph graph, size_t bytes, CUdeviceptr* address, int device = 0) {
    CUgraphNode node = nullptr;
    CUgraphNodeParams parameters{};
    parameters.type = CU_GRAPH_NODE_TYPE_MEM_ALLOC;
    parameters.alloc.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    parameters.alloc.poolProps.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
    parameters.alloc.bytesize = bytes;
    EXPECT_OK(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &parameters));
    *address = parameters.alloc.dptr;
    return node;
  }
  CUgraphNode add_host(CUgraph graph, std::atomic<int>* counter) {
    CUgraphNode node = nullptr;
    const CUDA_HOST_NODE_PARAMS parameters{[](void* of) { ++*static_cast<std::atomic<int>*>(of); }, counter};
    EXPECT_OK(cuGraphAddHostNode(&node, graph, nullptr, 0, &parameters));
    return node;
  }
  void launch(CUgraph graph) {
    CUgraphExec executable = nullptr;
    EXPECT_OK(cuGraphInstantiate(&executable, graph, 0));
    EXPECT_OK(cuGraphUpload(executable, stream_));
    EXPECT_OK(cuGraphLaunch(executable, stream_));
    EXPECT_OK(cuStreamSynchronize(stream_));
    EXPECT_OK(cuGraphExecDestroy(executable));
  }
  cuuint64_t graph_bytes(CUgraphMem_attribute attribute, CUdevice device = 0) {
    cuuint64_t bytes = 0;
    EXPECT_OK(cuDeviceGetGraphMemAttribute(device, attribute, &bytes));
    return bytes;
  }
  CUstream stream_ = nullptr;
  CUgraph graph_ = nullptr;
};

TEST_F(Graphs, NodesOfEachTypeRun) {
  CUdeviceptr address = 0;
  const CUgraphNode allocated = add_allocation(graph_, 4096, &address);
  CUgraphNodeParams parameters{};
  parameters.type = CU_GRAPH_NODE_TYPE_MEMSET;
  parameters.memset.dst = address;
  parameters.memset.value = 0x0102;
  parameters.memset.elementSize = 2;
  parameters.memset.width = 2048;
  parameters.memset.height = 1;
  CUgraphNode last = add(parameters, allocated);
  std::array<unsigned char, 4096> read{};
  parameters = {};
  parameters.type = CU_GRAPH_NODE_TYPE_MEMCPY;
  CUDA_MEMCPY3D& copy = parameters.memcpy.copyParams;
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = address;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = read.data();
  copy.WidthInBytes = read.size();
  copy.Height = copy.Depth = 1;
  last = add(parameters, last);
  parameters = {};
  parameters.type = CU_GRAPH_NODE_TYPE_EMPTY;
  last = add(parameters, last);
  std::atomic<int> counter{0};
  parameters = {};
  parameters.type = CU_GRAPH_NODE_TYPE_HOST;
  parameters.host.fn = [](void* of) { ++*static_cast<std::atomic<int>*>(of); };
  parameters.host.userData = &counter;
  last = add(parameters, last);
  parameters = {};
  parameters.type = CU_GRAPH_NODE_TYPE_MEM_FREE;
  parameters.free.dptr = address;
  add(parameters, last);
  launch(graph_);
  launch(graph_);
  EXPECT_EQ(counter, 2);
  EXPECT_EQ(read[4094], 2);
  EXPECT_EQ(read[4095], 1);
  EXPECT_EQ(graph_bytes(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT), 0u);
  parameters = {};
  parameters.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  CUgraphNode node = nullptr;
  EXPECT_ERROR(cuGraphAddNode(&node, graph_, nullptr, nullptr, 0, &parameters), CUDA_ERROR_NOT_SUPPORTED);
}

TEST_F(Graphs, KernelsRunAsNodes) {
  CUmodule module = nullptr;
  CUDA_KERNEL_NODE_PARAMS parameters{};
  EXPECT_OK(cuModuleLoadData(&module, ""));
  EXPECT_OK(cuModuleGetFunction(&parameters.func, module, "no_host_function"));
  CUgraphNode node = nullptr;
  EXPECT_OK(cuGraphAddKernelNode(&node, graph_, nullptr, 0, &parameters));
  launch(graph_);
}

TEST_F(Graphs, ClonesAreIndependent) {
  std::atomic<int> counter{0};
  const CUgraphNode one = add_host(graph_, &counter);
  CUgraphNode two = nullptr, found = nullptr;
  EXPECT_OK(cuGraphAddEmptyNode(&two, graph_, &one, 1));
  CUgraph clone = nullptr;
  EXPECT_OK(cuGraphClone(&clone, graph_));
  EXPECT_OK(cuGraphNodeFindInClone(&found, two, clone));
  CUgraphNode dependency = nullptr;
  size_t count = 1;
  EXPECT_OK(cuGraphNodeGetDependencies(found, &dependency, nullptr, &count));
  EXPECT_EQ(count, 1u);
  EXPECT_OK(cuGraphNodeFindInClone(&found, one, clone));
  EXPECT_EQ(dependency, found);
  EXPECT_OK(cuGraphDestroyNode(one));
  EXPECT_OK(cuGraphNodeGetDependencies(two, nullptr, nullptr, &count));
  EXPECT_EQ(count, 0u);
  launch(graph_);
  EXPECT_EQ(counter, 0);
  EXPECT_OK(cuGraphDestroy(graph_));
  launch(clone);
  EXPECT_EQ(counter, 1);
}

TEST_F(Graphs, ChildrenAreClonedOrMoved) {
  std::atomic<int> counter{0};
  CUgraph child = nullptr;
  EXPECT_OK(cuGraphCreate(&child, 0));
  add_host(child, &counter);
  CUgraphNode node = nullptr;
  EXPECT_OK(cuGraphAddChildGraphNode(&node, graph_, nullptr, 0, child));
  add_host(child, &counter);
  launch(graph_);
  EXPECT_EQ(counter, 1);
  CUdeviceptr address = 0;
  add_allocation(child, 512, &address);
  EXPECT_ERROR(cuGraphAddChildGraphNode(&node, graph_, nullptr, 0, child), CUDA_ERROR_NOT_SUPPORTED);
  CUgraphNodeParams parameters{};
  parameters.type = CU_GRAPH_NODE_TYPE_GRAPH;
  parameters.graph = {child, CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE};
  add(parameters);
  EXPECT_ERROR(cuGraphDestroy(child), CUDA_ERROR_INVALID_VALUE);
  launch(graph_);
  EXPECT_EQ(counter, 4);
  EXPECT_OK(cuMemFree(address));
}

TEST_F(Graphs, ThoseWithMemoryAreNotClonedOrCutOrInstantiatedTwice) {
  CUdeviceptr address = 0;
  const CUgraphNode node = add_allocation(graph_, 512, &address);
  CUgraph clone = nullptr;
  EXPECT_ERROR(cuGraphClone(&clone, graph_), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_ERROR(cuGraphDestroyNode(node), CUDA_ERROR_NOT_SUPPORTED);
  CUgraphExec one = nullptr, two = nullptr;
  EXPECT_OK(cuGraphInstantiate(&one, graph_, 0));
  EXPECT_ERROR(cuGraphInstantiate(&two, graph_, 0), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_OK(cuGraphExecDestroy(one));
  CUDA_GRAPH_INSTANTIATE_PARAMS parameters{};
  parameters.flags = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
  EXPECT_OK(cuGraphInstantiateWithParams(&two, graph_, &parameters));
  EXPECT_EQ(parameters.result_out, CUDA_GRAPH_INSTANTIATE_SUCCESS);
  cuuint64_t flags = 0;
  EXPECT_OK(cuGraphExecGetFlags(two, &flags));
  EXPECT_EQ(flags, parameters.flags);
  EXPECT_OK(cuGraphExecDestroy(two));
}

// ---- Updates ----

class GraphUpdates : public Graphs {
 protected:
  // Whether the graph could be an update, and what the driver says of it.
  CUresult update(CUgraphExec executable, CUgraph graph) { return cuGraphExecUpdate(executable, graph, &info_); }
  CUgraph make_graph() {
    CUgraph graph = nullptr;
    EXPECT_OK(cuGraphCreate(&graph, 0));
    return graph;
  }
  CUgraphExec instantiate(CUgraph graph) {
    CUgraphExec executable = nullptr;
    EXPECT_OK(cuGraphInstantiate(&executable, graph, 0));
    return executable;
  }
  CUgraphNode add_empty(CUgraph graph, CUgraphNode before = nullptr) {
    CUgraphNode node = nullptr;
    EXPECT_OK(cuGraphAddEmptyNode(&node, graph, &before, before == nullptr ? 0 : 1));
    return node;
  }
  void expect_refused(CUgraphExec executable, CUgraph graph, CUgraphExecUpdateResult why, CUgraphNode node,
                      CUgraphNode from = nullptr) {
    EXPECT_ERROR(update(executable, graph), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
    EXPECT_EQ(info_.result, why);
    EXPECT_EQ(info_.errorNode, node);
    EXPECT_EQ(info_.errorFromNode, from);
  }
  CUgraphExecUpdateResultInfo info_{};
};

TEST_F(GraphUpdates, GiveNodesNewParameters) {
  std::atomic<int> before{0}, after{0};
  add_host(graph_, &before);
  const CUgraphExec executable = instantiate(graph_);
  const CUgraph other = make_graph();
  add_host(other, &after);
  EXPECT_OK(update(executable, other));
  EXPECT_EQ(info_.result, CU_GRAPH_EXEC_UPDATE_SUCCESS);
  EXPECT_OK(cuGraphLaunch(executable, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(before, 0);
  EXPECT_EQ(after, 1);
}

TEST_F(GraphUpdates, KeepTheTopologyOfTheInstantiation) {
  const CUgraphNode first = add_empty(graph_), second = add_empty(graph_, first);
  const CUgraphExec executable = instantiate(graph_);
  const CUgraph fewer = make_graph(), apart = make_graph(), crossed = make_graph();
  add_empty(fewer);
  expect_refused(executable, fewer, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr);
  add_empty(apart);
  const CUgraphNode alone = add_empty(apart);
  expect_refused(executable, apart, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, alone);
  add_empty(graph_, second);  // of which what was instantiated before knows nothing
  expect_refused(executable, graph_, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr);
  const CUgraphExec longer = instantiate(graph_);
  const CUgraphNode one = add_empty(crossed), two = add_empty(crossed, one), three = add_empty(crossed, one);
  EXPECT_NE(two, nullptr);
  expect_refused(longer, crossed, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, three, one);
}

TEST_F(GraphUpdates, KeepTheTypesOfNodes) {
  std::atomic<int> counter{0};
  add_empty(graph_);
  const CUgraphExec executable = instantiate(graph_);
  const CUgraph other = make_graph();
  expect_refused(executable, other, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr);
  const CUgraphNode host = add_host(other, &counter);
  expect_refused(executable, other, CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, host);
  EXPECT_ERROR(update(nullptr, other), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(info_.result, CU_GRAPH_EXEC_UPDATE_ERROR);
}

class GraphMemory : public Graphs {
 protected:
  // A graph that allocates and does not free.
  CUgraphExec instantiate(unsigned long long flags) {
    CUgraphExec executable = nullptr;
    add_allocation(graph_, 4096, &address_);
    EXPECT_OK(cuGraphInstantiate(&executable, graph_, flags));
    return executable;
  }
  CUdeviceptr address_ = 0;
};

TEST_F(GraphMemory, IsThereFromALaunchUntilItIsFreed) {
  const CUgraphExec executable = instantiate(0);
  EXPECT_ERROR(cuMemFree(address_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuGraphLaunch(executable, stream_));
  EXPECT_ERROR(cuGraphLaunch(executable, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemFree(address_));
  EXPECT_ERROR(cuMemFree(address_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuGraphLaunch(executable, stream_));
  EXPECT_OK(cuMemFreeAsync(address_, stream_));
  EXPECT_ERROR(cuMemFreeAsync(address_, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuStreamSynchronize(stream_));
}

TEST_F(GraphMemory, IsFreedByTheNextLaunchWhereTheGraphWasToldTo) {
  const CUgraphExec executable = instantiate(CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
  for (int i = 0; i < 3; ++i) EXPECT_OK(cuGraphLaunch(executable, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(graph_bytes(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT), 4096u);
  EXPECT_OK(cuMemFree(address_));
}

TEST_F(GraphMemory, IsFreedByAnotherGraph) {
  const CUgraphExec executable = instantiate(0);
  CUgraph other = nullptr;
  CUgraphNode node = nullptr;
  EXPECT_OK(cuGraphCreate(&other, 0));
  EXPECT_OK(cuGraphAddMemFreeNode(&node, other, nullptr, 0, address_));
  for (int i = 0; i < 2; ++i) {
    EXPECT_OK(cuGraphLaunch(executable, stream_));
    launch(other);
  }
  EXPECT_ERROR(cuMemFree(address_), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(GraphMemory, OutlivesItsGraphUntilItIsFreed) {
  const size_t before = free_bytes();
  const CUgraphExec executable = instantiate(0);
  EXPECT_OK(cuGraphLaunch(executable, stream_));
  EXPECT_OK(cuGraphExecDestroy(executable));
  EXPECT_OK(cuGraphDestroy(graph_));
  EXPECT_OK(cuMemsetD8(address_, 1, 4096));
  EXPECT_OK(cuMemFree(address_));
  EXPECT_OK(cuDeviceGraphMemTrim(0));
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(GraphMemory, IsOfTheDeviceThatWasAskedFor) {
  CUdeviceptr address = 0;
  add_allocation(graph_, 4096, &address, 1);
  launch(graph_);
  EXPECT_EQ(graph_bytes(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, 1), 4096u);
  EXPECT_OK(cuMemFree(address));
  EXPECT_EQ(graph_bytes(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, 1), 0u);
  EXPECT_EQ(graph_bytes(CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, 1), 4096u);
  cuuint64_t none = 0;
  EXPECT_OK(cuDeviceSetGraphMemAttribute(1, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, &none));
  EXPECT_EQ(graph_bytes(CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, 1), 0u);
}

}  // namespace
}  // namespace simcuda
