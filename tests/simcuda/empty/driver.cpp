// A driver that does nothing, for what a call costs that passes through Weir: every function succeeds at once. Only what a caller
// needs an answer of has one. There is one device and one context, and addresses that nobody may use.
#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>

#include <atomic>

#include "entry_points.h"

#define EMPTY_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr size_t kMemoryBytes = size_t{80} << 30;
constexpr uintptr_t kFirstAddress = uintptr_t{1} << 44;  // far from what the system gives
constexpr size_t kGranule = size_t{2} << 20;

std::atomic<uintptr_t> next_address{kFirstAddress};
std::atomic<uintptr_t> next_handle{1};
const auto kContext = reinterpret_cast<CUcontext>(uintptr_t{0x1000});

uintptr_t fresh_address(size_t bytes) {
  return next_address.fetch_add(bytes < kGranule ? 512 * ((bytes + 511) / 512)
                                                 : (bytes + kGranule - 1) & ~(kGranule - 1));
}

template <class Handle>
CUresult give_handle(Handle* handle) {
  *handle = reinterpret_cast<Handle>(next_handle.fetch_add(1));
  return CUDA_SUCCESS;
}

CUresult give_device_memory(CUdeviceptr* address, size_t bytes) {
  *address = fresh_address(bytes);
  return CUDA_SUCCESS;
}

CUresult give_host_memory(void** address, size_t bytes) {
  *address = reinterpret_cast<void*>(fresh_address(bytes));
  return CUDA_SUCCESS;
}

template <class Value>
CUresult give(Value* place, Value value) {
  *place = value;
  return CUDA_SUCCESS;
}

CUresult get_proc_address(const char* name, void** function, int version, cuuint64_t flags) {
  const bool per_thread = (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0;
  const simcuda::FoundEntryPoint found = simcuda::find_entry_point(name, version, per_thread, CUDA_VERSION);
  *function = found.entry == nullptr ? nullptr : found.entry->function;
  return found.entry == nullptr ? CUDA_ERROR_NOT_FOUND : CUDA_SUCCESS;
}

}  // namespace

// What has no function below.
extern "C" CUresult simcuda_unimplemented(const char*) { return CUDA_SUCCESS; }

EMPTY_EXPORT CUresult cuGetProcAddress(const char* name, void** function, int version, cuuint64_t flags) {
  return get_proc_address(name, function, version, flags);
}
EMPTY_EXPORT CUresult cuGetProcAddress_v2(const char* name, void** function, int version, cuuint64_t flags,
                                          CUdriverProcAddressQueryResult* status) {
  const CUresult result = get_proc_address(name, function, version, flags);
  if (status != nullptr) {
    *status = result == CUDA_SUCCESS ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  return result;
}
// A private interface of NVIDIA's own, which is not to be imitated.
EMPTY_EXPORT CUresult cuGetExportTable(const void** table, const CUuuid*) {
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

EMPTY_EXPORT CUresult cuDriverGetVersion(int* version) { return give(version, CUDA_VERSION); }
EMPTY_EXPORT CUresult cuDeviceGetCount(int* count) { return give(count, 1); }
EMPTY_EXPORT CUresult cuDeviceGet(CUdevice* device, int) { return give(device, 0); }
EMPTY_EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) { return give(bytes, kMemoryBytes); }
EMPTY_EXPORT CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute, CUdevice) { return give(value, 1); }

EMPTY_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) { return give(context, kContext); }
EMPTY_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned* flags, int* active) {
  *flags = 0;
  return give(active, 1);
}
EMPTY_EXPORT CUresult cuCtxCreate_v2(CUcontext* context, unsigned, CUdevice) { return give(context, kContext); }
EMPTY_EXPORT CUresult cuCtxGetCurrent(CUcontext* context) { return give(context, kContext); }
EMPTY_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* context) {
  return context == nullptr ? CUDA_SUCCESS : give(context, kContext);
}
EMPTY_EXPORT CUresult cuCtxGetDevice(CUdevice* device) { return give(device, 0); }
EMPTY_EXPORT CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext) { return give(device, 0); }
EMPTY_EXPORT CUresult cuCtxGetId(CUcontext, unsigned long long* id) { return give(id, 1ULL); }

EMPTY_EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned) { return give_handle(stream); }
EMPTY_EXPORT CUresult cuStreamGetCtx(CUstream, CUcontext* context) { return give(context, kContext); }
EMPTY_EXPORT CUresult cuStreamIsCapturing(CUstream, CUstreamCaptureStatus* status) {
  return give(status, CU_STREAM_CAPTURE_STATUS_NONE);
}
EMPTY_EXPORT CUresult cuEventCreate(CUevent* event, unsigned) { return give_handle(event); }
EMPTY_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  static thread_local CUstreamCaptureMode of_thread = CU_STREAM_CAPTURE_MODE_GLOBAL;
  const CUstreamCaptureMode before = of_thread;
  of_thread = *mode;
  return give(mode, before);
}

EMPTY_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) { return give_device_memory(address, bytes); }
EMPTY_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr* address, size_t* pitch, size_t width, size_t height, unsigned) {
  *pitch = (width + 511) & ~size_t{511};
  return give_device_memory(address, *pitch * height);
}
EMPTY_EXPORT CUresult cuMemAllocManaged(CUdeviceptr* address, size_t bytes, unsigned) {
  return give_device_memory(address, bytes);
}
EMPTY_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream) {
  return give_device_memory(address, bytes);
}
EMPTY_EXPORT CUresult cuMemAllocHost_v2(void** address, size_t bytes) { return give_host_memory(address, bytes); }
EMPTY_EXPORT CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned) {
  return give_host_memory(address, bytes);
}
EMPTY_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* address, void* host, unsigned) {
  return give(address, static_cast<CUdeviceptr>(reinterpret_cast<uintptr_t>(host)));
}
EMPTY_EXPORT CUresult cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  *free_bytes = kMemoryBytes;
  return give(total_bytes, kMemoryBytes);
}
EMPTY_EXPORT CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr address) {
  if (attribute == CU_POINTER_ATTRIBUTE_CONTEXT) return give(static_cast<CUcontext*>(data), kContext);
  if (attribute == CU_POINTER_ATTRIBUTE_BUFFER_ID) return give(static_cast<unsigned long long*>(data), 1ULL + address);
  return CUDA_ERROR_INVALID_VALUE;
}
