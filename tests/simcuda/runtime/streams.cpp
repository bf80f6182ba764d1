// The runtime's devices, streams, events and graphs, each by the driver's.
#include <cstring>

#include "driver_functions.h"

namespace simcudart {
namespace {

const DriverFunctions& d = driver_functions;

CUstream stream_of(cudaStream_t stream) { return reinterpret_cast<CUstream>(stream); }
CUevent event_of(cudaEvent_t event) { return reinterpret_cast<CUevent>(event); }
CUgraph graph_of(cudaGraph_t graph) { return reinterpret_cast<CUgraph>(graph); }

template <class Body>
cudaError_t with_driver(Body body) {
  const cudaError_t error = load_driver();
  return note(error != cudaSuccess ? static_cast<CUresult>(error) : body());
}

struct Property {
  int cudaDeviceProp::*member;
  CUdevice_attribute attribute;
};
constexpr Property kProperties[] = {
    {&cudaDeviceProp::major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR},
    {&cudaDeviceProp::minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR},
    {&cudaDeviceProp::multiProcessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT},
    {&cudaDeviceProp::warpSize, CU_DEVICE_ATTRIBUTE_WARP_SIZE},
    {&cudaDeviceProp::maxThreadsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK},
    {&cudaDeviceProp::pciBusID, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID},
    {&cudaDeviceProp::unifiedAddressing, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING},
    {&cudaDeviceProp::managedMemory, CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY},
    {&cudaDeviceProp::concurrentManagedAccess, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS},
    {&cudaDeviceProp::memoryPoolsSupported, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED},
    {&cudaDeviceProp::maxThreadsPerMultiProcessor, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR},
    {&cudaDeviceProp::l2CacheSize, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE},
};

}  // namespace

// ---- devices ----

SIMCUDART_EXPORT cudaError_t cudaDriverGetVersion(int* version) {
  return with_driver([&] { return d.cuDriverGetVersion(version); });
}
SIMCUDART_EXPORT cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
SIMCUDART_EXPORT cudaError_t cudaGetDeviceCount(int* count) {
  return with_driver([&] { return d.cuDeviceGetCount(count); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return with_driver([&] { return d.cuDeviceGetAttribute(value, static_cast<CUdevice_attribute>(attribute), device); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int device) {
  return with_driver([&] { return d.cuDeviceGetPCIBusId(text, length, device); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  return with_driver([&] { return d.cuDeviceCanAccessPeer(can, device, peer); });
}
SIMCUDART_EXPORT cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return with_driver([&] {
    memset(properties, 0, sizeof *properties);
    const CUresult result = d.cuDeviceGetName(properties->name, sizeof properties->name, device);
    if (result != CUDA_SUCCESS) return result;
    d.cuDeviceTotalMem(&properties->totalGlobalMem, device);
    d.cuDeviceGetUuid(reinterpret_cast<CUuuid*>(&properties->uuid), device);
    for (const auto& [member, attribute] : kProperties) {
      d.cuDeviceGetAttribute(&(properties->*member), attribute, device);
    }
    return CUDA_SUCCESS;
  });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceSynchronize() {
  return with_context([] { return d.cuCtxSynchronize(); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceGetLimit(size_t* value, cudaLimit limit) {
  return with_context([&] { return d.cuCtxGetLimit(value, static_cast<CUlimit>(limit)); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value) {
  return with_context([&] { return d.cuCtxSetLimit(static_cast<CUlimit>(limit), value); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceGraphMemTrim(int device) {
  return with_driver([&] { return d.cuDeviceGraphMemTrim(device); });
}

// ---- streams ----

SIMCUDART_EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return with_context(
      [&] { return d.cuStreamCreateWithPriority(reinterpret_cast<CUstream*>(stream), flags, priority); });
}
SIMCUDART_EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
SIMCUDART_EXPORT cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, 0, 0);
}
SIMCUDART_EXPORT cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return with_context([&] { return d.cuStreamDestroy(stream_of(stream)); });
}
SIMCUDART_TWO_FORMS(cudaStreamSynchronize, _ptsz, (cudaStream_t stream), d.cuStreamSynchronize[form](stream_of(stream)))
SIMCUDART_TWO_FORMS(cudaStreamQuery, _ptsz, (cudaStream_t stream), d.cuStreamQuery[form](stream_of(stream)))
SIMCUDART_TWO_FORMS(cudaStreamWaitEvent, _ptsz, (cudaStream_t stream, cudaEvent_t event, unsigned flags),
                    d.cuStreamWaitEvent[form](stream_of(stream), event_of(event), flags))
SIMCUDART_TWO_FORMS(cudaLaunchHostFunc, _ptsz, (cudaStream_t stream, cudaHostFn_t function, void* data),
                    d.cuLaunchHostFunc[form](stream_of(stream), function, data))
SIMCUDART_TWO_FORMS(cudaStreamBeginCapture, _ptsz, (cudaStream_t stream, cudaStreamCaptureMode mode),
                    d.cuStreamBeginCapture[form](stream_of(stream), static_cast<CUstreamCaptureMode>(mode)))
SIMCUDART_TWO_FORMS(cudaStreamEndCapture, _ptsz, (cudaStream_t stream, cudaGraph_t* graph),
                    d.cuStreamEndCapture[form](stream_of(stream), reinterpret_cast<CUgraph*>(graph)))
SIMCUDART_TWO_FORMS(cudaStreamIsCapturing, _ptsz, (cudaStream_t stream, cudaStreamCaptureStatus* status),
                    d.cuStreamIsCapturing[form](stream_of(stream), reinterpret_cast<CUstreamCaptureStatus*>(status)))
SIMCUDART_EXPORT cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return with_context(
      [&] { return d.cuThreadExchangeStreamCaptureMode(reinterpret_cast<CUstreamCaptureMode*>(mode)); });
}

// ---- events ----

SIMCUDART_EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return with_context([&] { return d.cuEventCreate(reinterpret_cast<CUevent*>(event), flags); });
}
SIMCUDART_EXPORT cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
SIMCUDART_EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return with_context([&] { return d.cuEventDestroy(event_of(event)); });
}
SIMCUDART_EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return with_context([&] { return d.cuEventSynchronize(event_of(event)); });
}
SIMCUDART_EXPORT cudaError_t cudaEventQuery(cudaEvent_t event) {
  return with_context([&] { return d.cuEventQuery(event_of(event)); });
}
SIMCUDART_EXPORT cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return with_context([&] { return d.cuEventElapsedTime(milliseconds, event_of(start), event_of(end)); });
}
SIMCUDART_TWO_FORMS(cudaEventRecord, _ptsz, (cudaEvent_t event, cudaStream_t stream),
                    d.cuEventRecord[form](event_of(event), stream_of(stream)))

// ---- graphs ----

SIMCUDART_EXPORT cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  return with_context([&] { return d.cuGraphCreate(reinterpret_cast<CUgraph*>(graph), flags); });
}
SIMCUDART_EXPORT cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return with_context([&] { return d.cuGraphDestroy(graph_of(graph)); });
}
SIMCUDART_EXPORT cudaError_t cudaGraphAddMemAllocNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                                      const cudaGraphNode_t* dependencies, size_t count,
                                                      cudaMemAllocNodeParams* parameters) {
  return with_context([&] {
    return d.cuGraphAddMemAllocNode(reinterpret_cast<CUgraphNode*>(node), graph_of(graph),
                                    reinterpret_cast<const CUgraphNode*>(dependencies), count,
                                    reinterpret_cast<CUDA_MEM_ALLOC_NODE_PARAMS_v1*>(parameters));
  });
}
SIMCUDART_EXPORT cudaError_t cudaGraphAddMemFreeNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                                     const cudaGraphNode_t* dependencies, size_t count, void* pointer) {
  return with_context([&] {
    return d.cuGraphAddMemFreeNode(reinterpret_cast<CUgraphNode*>(node), graph_of(graph),
                                   reinterpret_cast<const CUgraphNode*>(dependencies), count, device_pointer(pointer));
  });
}
SIMCUDART_EXPORT cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                                  unsigned long long flags) {
  return with_context([&] {
    return d.cuGraphInstantiateWithFlags(reinterpret_cast<CUgraphExec*>(executable), graph_of(graph), flags);
  });
}
SIMCUDART_EXPORT cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return with_context([&] { return d.cuGraphExecDestroy(reinterpret_cast<CUgraphExec>(executable)); });
}
SIMCUDART_TWO_FORMS(cudaGraphLaunch, _ptsz, (cudaGraphExec_t executable, cudaStream_t stream),
                    d.cuGraphLaunch[form](reinterpret_cast<CUgraphExec>(executable), stream_of(stream)))

// ---- the driver's own functions ----

SIMCUDART_EXPORT cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned version,
                                                              unsigned long long flags,
                                                              cudaDriverEntryPointQueryResult* status) {
  return with_driver([&] {
    CUdriverProcAddressQueryResult of_driver = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    const CUresult result = d.get_proc_address(name, function, static_cast<int>(version), flags, &of_driver);
    if (status != nullptr) *status = static_cast<cudaDriverEntryPointQueryResult>(of_driver);
    return result == CUDA_ERROR_NOT_FOUND ? CUDA_SUCCESS : result;
  });
}

}  // namespace simcudart
