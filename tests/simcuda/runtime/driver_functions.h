// The driver's functions as the stand-in runtime has them: fetched as the real runtime 13.0 fetches them, by dlopen("libcuda.so.1"),
// dlsym("cuGetProcAddress_v2") and a request for each name and version.
#pragma once

#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>

// The header names the type by the version in which the function got its suffix; the runtime asks for the first.
using PFN_cuDevicePrimaryCtxRelease_v7000 = PFN_cuDevicePrimaryCtxRelease_v11000;
using PFN_cuDevicePrimaryCtxReset_v7000 = PFN_cuDevicePrimaryCtxReset_v11000;

// name, version
#define WEIR_DRIVER_FUNCTIONS(X)              \
  X(cuInit, 2000)                             \
  X(cuDriverGetVersion, 2020)                 \
  X(cuDeviceGetCount, 2000)                   \
  X(cuDeviceGet, 2000)                        \
  X(cuDeviceGetName, 2000)                    \
  X(cuDeviceTotalMem, 3020)                   \
  X(cuDeviceGetAttribute, 2000)               \
  X(cuDeviceGetUuid, 9020)                    \
  X(cuDeviceGetPCIBusId, 4010)                \
  X(cuDeviceGetDefaultMemPool, 11020)         \
  X(cuDeviceGetMemPool, 11020)                \
  X(cuDeviceSetMemPool, 11020)                \
  X(cuDeviceCanAccessPeer, 4000)              \
  X(cuDeviceGraphMemTrim, 11040)              \
  X(cuDevicePrimaryCtxRetain, 7000)           \
  X(cuDevicePrimaryCtxRelease, 7000)          \
  X(cuDevicePrimaryCtxReset, 7000)            \
  X(cuCtxSetCurrent, 4000)                    \
  X(cuCtxGetCurrent, 4000)                    \
  X(cuCtxGetDevice, 2000)                     \
  X(cuCtxSynchronize, 2000)                   \
  X(cuCtxGetLimit, 3010)                      \
  X(cuCtxSetLimit, 3010)                      \
  X(cuCtxEnablePeerAccess, 4000)              \
  X(cuCtxGetStreamPriorityRange, 5050)        \
  X(cuMemGetInfo, 3020)                       \
  X(cuMemAlloc, 3020)                         \
  X(cuMemAllocPitch, 3020)                    \
  X(cuMemFree, 3020)                          \
  X(cuMemAllocManaged, 6000)                  \
  X(cuMemHostAlloc, 2020)                     \
  X(cuMemFreeHost, 2000)                      \
  X(cuMemHostRegister, 6050)                  \
  X(cuMemHostUnregister, 4000)                \
  X(cuMemHostGetDevicePointer, 3020)          \
  X(cuMemHostGetFlags, 2030)                  \
  X(cuPointerGetAttributes, 7000)             \
  X(cuIpcGetMemHandle, 4010)                  \
  X(cuIpcOpenMemHandle, 11000)                \
  X(cuIpcCloseMemHandle, 4010)                \
  X(cuMemPoolCreate, 11020)                   \
  X(cuMemPoolDestroy, 11020)                  \
  X(cuMemPoolTrimTo, 11020)                   \
  X(cuMemPoolSetAttribute, 11020)             \
  X(cuMemPoolGetAttribute, 11020)             \
  X(cuArray3DCreate, 3020)                    \
  X(cuArrayDestroy, 2000)                     \
  X(cuMipmappedArrayCreate, 5000)             \
  X(cuMipmappedArrayGetLevel, 5000)           \
  X(cuMipmappedArrayDestroy, 5000)            \
  X(cuStreamCreateWithPriority, 5050)         \
  X(cuStreamDestroy, 4000)                    \
  X(cuThreadExchangeStreamCaptureMode, 10010) \
  X(cuEventCreate, 2000)                      \
  X(cuEventDestroy, 4000)                     \
  X(cuEventSynchronize, 2000)                 \
  X(cuEventQuery, 2000)                       \
  X(cuEventElapsedTime, 2000)                 \
  X(cuLibraryLoadData, 12000)                 \
  X(cuLibraryUnload, 12000)                   \
  X(cuLibraryGetKernel, 12000)                \
  X(cuLibraryGetGlobal, 12000)                \
  X(cuLibraryGetManaged, 12000)               \
  X(cuKernelGetFunction, 12000)               \
  X(cuGraphCreate, 10000)                     \
  X(cuGraphDestroy, 10000)                    \
  X(cuGraphAddMemAllocNode, 11040)            \
  X(cuGraphAddMemFreeNode, 11040)             \
  X(cuGraphInstantiateWithFlags, 11040)       \
  X(cuGraphExecDestroy, 10000)

// Those that depend on the default stream: name, version, version and suffix of the thread's own.
#define WEIR_DRIVER_STREAM_FUNCTIONS(X)                \
  X(cuMemcpy, 4000, 7000_ptds, 7000)                   \
  X(cuMemcpyAsync, 4000, 7000_ptsz, 7000)              \
  X(cuMemcpy2DUnaligned, 3020, 7000_ptds, 7000)        \
  X(cuMemcpy2DAsync, 3020, 7000_ptsz, 7000)            \
  X(cuMemcpy3D, 3020, 7000_ptds, 7000)                 \
  X(cuMemcpy3DAsync, 3020, 7000_ptsz, 7000)            \
  X(cuMemsetD8, 3020, 7000_ptds, 7000)                 \
  X(cuMemsetD8Async, 3020, 7000_ptsz, 7000)            \
  X(cuMemsetD2D8, 3020, 7000_ptds, 7000)               \
  X(cuMemAllocAsync, 11020, 11020_ptsz, 11020)         \
  X(cuMemFreeAsync, 11020, 11020_ptsz, 11020)          \
  X(cuMemAllocFromPoolAsync, 11020, 11020_ptsz, 11020) \
  X(cuStreamSynchronize, 2000, 7000_ptsz, 7000)        \
  X(cuStreamQuery, 2000, 7000_ptsz, 7000)              \
  X(cuStreamWaitEvent, 3020, 7000_ptsz, 7000)          \
  X(cuStreamBeginCapture, 10010, 10010_ptsz, 10010)    \
  X(cuStreamEndCapture, 10000, 10000_ptsz, 10000)      \
  X(cuStreamIsCapturing, 10000, 10000_ptsz, 10000)     \
  X(cuEventRecord, 2000, 7000_ptsz, 7000)              \
  X(cuLaunchHostFunc, 10000, 10000_ptsz, 10000)        \
  X(cuLaunchKernel, 4000, 7000_ptsz, 7000)             \
  X(cuGraphLaunch, 10000, 10000_ptsz, 10000)

namespace simcudart {

struct DriverFunctions {
#define X(name, version) PFN_##name##_v##version name = nullptr;
  WEIR_DRIVER_FUNCTIONS(X)
#undef X
  // [0]: null is the legacy default stream; [1]: the thread's own.
#define X(name, version, per_thread, number) PFN_##name##_v##version name[2] = {};
  WEIR_DRIVER_STREAM_FUNCTIONS(X)
#undef X
  PFN_cuGetProcAddress_v12000 get_proc_address = nullptr;
};

// Fetches them at the first call. cudaErrorInsufficientDriver where there is no driver, or what cuInit() says.
cudaError_t load_driver();
extern DriverFunctions driver_functions;

// The thread has a current context: that of the device it chose, where it brought none of its own.
cudaError_t ensure_context();

// The error stays the thread's last one.
cudaError_t note(CUresult result);
inline cudaError_t note(cudaError_t error) { return note(static_cast<CUresult>(error)); }

inline CUdeviceptr device_pointer(const void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

// A call that needs a context.
template <class Body>
cudaError_t with_context(Body body) {
  const cudaError_t error = ensure_context();
  return note(error != cudaSuccess ? static_cast<CUresult>(error) : body());
}

}  // namespace simcudart

#define SIMCUDART_EXPORT extern "C" __attribute__((visibility("default")))

// A function in its two forms, of which the second is that of programs for which null is the thread's own default stream. `form` is
// which of a driver function's two to call.
#define SIMCUDART_TWO_FORMS(name, suffix, parameters, call) \
  SIMCUDART_EXPORT cudaError_t name parameters {            \
    constexpr int form = 0;                                 \
    return with_context([&] { return call; });              \
  }                                                         \
  SIMCUDART_EXPORT cudaError_t name##suffix parameters {    \
    constexpr int form = 1;                                 \
    return with_context([&] { return call; });              \
  }
