// The runtime's memory calls, each by the driver's.
#include <cstring>
#include <initializer_list>

#include "driver_functions.h"

namespace simcudart {
namespace {

const DriverFunctions& d = driver_functions;

CUstream stream_of(cudaStream_t stream) { return reinterpret_cast<CUstream>(stream); }
CUdeviceptr* address_of(void** pointer) { return reinterpret_cast<CUdeviceptr*>(pointer); }

CUDA_ARRAY3D_DESCRIPTOR descriptor_of(const cudaChannelFormatDesc& channels, const cudaExtent& extent, unsigned flags) {
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  descriptor.Width = extent.width;
  descriptor.Height = extent.height;
  descriptor.Depth = extent.depth;
  descriptor.Flags = flags;
  for (const int bits : {channels.x, channels.y, channels.z, channels.w}) descriptor.NumChannels += bits != 0;
  descriptor.Format = channels.f == cudaChannelFormatKindFloat ? CU_AD_FORMAT_FLOAT
                      : channels.x == 8                        ? CU_AD_FORMAT_UNSIGNED_INT8
                      : channels.x == 16                       ? CU_AD_FORMAT_UNSIGNED_INT16
                                                               : CU_AD_FORMAT_UNSIGNED_INT32;
  return descriptor;
}

CUDA_MEMCPY2D rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height) {
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  copy.srcDevice = device_pointer(from);
  copy.dstDevice = device_pointer(to);
  copy.srcPitch = from_pitch;
  copy.dstPitch = to_pitch;
  copy.WidthInBytes = width;
  copy.Height = height;
  return copy;
}

cudaMemoryType type_of(unsigned driver_type, bool is_managed) {
  if (is_managed) return cudaMemoryTypeManaged;
  if (driver_type == CU_MEMORYTYPE_HOST) return cudaMemoryTypeHost;
  return driver_type == CU_MEMORYTYPE_DEVICE ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
}

}  // namespace

// ---- linear, pitched, managed, pinned, registered ----

SIMCUDART_EXPORT cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  return with_context([&] {
    if (pointer == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *pointer = nullptr;
    return bytes == 0 ? CUDA_SUCCESS : d.cuMemAlloc(address_of(pointer), bytes);
  });
}
SIMCUDART_EXPORT cudaError_t cudaFree(void* pointer) {
  return with_context([&] { return pointer == nullptr ? CUDA_SUCCESS : d.cuMemFree(device_pointer(pointer)); });
}
SIMCUDART_EXPORT cudaError_t cudaMallocPitch(void** pointer, size_t* pitch, size_t width, size_t height) {
  return with_context([&] { return d.cuMemAllocPitch(address_of(pointer), pitch, width, height, 4); });
}
SIMCUDART_EXPORT cudaError_t cudaMalloc3D(cudaPitchedPtr* pitched, cudaExtent extent) {
  return with_context([&] {
    pitched->xsize = extent.width;
    pitched->ysize = extent.height;
    const size_t height = extent.height * extent.depth;
    return d.cuMemAllocPitch(address_of(&pitched->ptr), &pitched->pitch, extent.width, height, 4);
  });
}
SIMCUDART_EXPORT cudaError_t cudaMallocManaged(void** pointer, size_t bytes, unsigned flags) {
  return with_context([&] { return d.cuMemAllocManaged(address_of(pointer), bytes, flags); });
}
SIMCUDART_EXPORT cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  return with_context([&] { return d.cuMemHostAlloc(pointer, bytes, 0); });
}
SIMCUDART_EXPORT cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return with_context([&] { return d.cuMemHostAlloc(pointer, bytes, flags); });
}
SIMCUDART_EXPORT cudaError_t cudaFreeHost(void* pointer) {
  return with_context([&] { return pointer == nullptr ? CUDA_SUCCESS : d.cuMemFreeHost(pointer); });
}
SIMCUDART_EXPORT cudaError_t cudaHostRegister(void* pointer, size_t bytes, unsigned flags) {
  return with_context([&] { return d.cuMemHostRegister(pointer, bytes, flags); });
}
SIMCUDART_EXPORT cudaError_t cudaHostUnregister(void* pointer) {
  return with_context([&] { return d.cuMemHostUnregister(pointer); });
}
SIMCUDART_EXPORT cudaError_t cudaHostGetDevicePointer(void** pointer, void* host, unsigned flags) {
  return with_context([&] { return d.cuMemHostGetDevicePointer(address_of(pointer), host, flags); });
}
SIMCUDART_EXPORT cudaError_t cudaHostGetFlags(unsigned* flags, void* host) {
  return with_context([&] { return d.cuMemHostGetFlags(flags, host); });
}
SIMCUDART_EXPORT cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  return with_context([&] { return d.cuMemGetInfo(free_bytes, total_bytes); });
}

SIMCUDART_EXPORT cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return with_context([&] {
    unsigned type = 0, managed = 0;
    int device = 0;
    CUdeviceptr on_device = 0;
    void* on_host = nullptr;
    CUpointer_attribute asked[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_IS_MANAGED,
                                   CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, CU_POINTER_ATTRIBUTE_DEVICE_POINTER,
                                   CU_POINTER_ATTRIBUTE_HOST_POINTER};
    void* answers[] = {&type, &managed, &device, &on_device, &on_host};
    const CUresult result = d.cuPointerGetAttributes(5, asked, answers, device_pointer(pointer));
    if (result != CUDA_SUCCESS) return result;
    memset(attributes, 0, sizeof *attributes);
    attributes->type = type_of(type, managed != 0);
    attributes->device = device;
    attributes->devicePointer = reinterpret_cast<void*>(on_device);
    attributes->hostPointer = on_host;
    return CUDA_SUCCESS;
  });
}

// ---- arrays ----

SIMCUDART_EXPORT cudaError_t cudaMalloc3DArray(cudaArray_t* array, const cudaChannelFormatDesc* channels,
                                               cudaExtent extent, unsigned flags) {
  return with_context([&] {
    const CUDA_ARRAY3D_DESCRIPTOR descriptor = descriptor_of(*channels, extent, flags);
    return d.cuArray3DCreate(reinterpret_cast<CUarray*>(array), &descriptor);
  });
}
SIMCUDART_EXPORT cudaError_t cudaMallocArray(cudaArray_t* array, const cudaChannelFormatDesc* channels, size_t width,
                                             size_t height, unsigned flags) {
  return cudaMalloc3DArray(array, channels, {width, height, 0}, flags);
}
SIMCUDART_EXPORT cudaError_t cudaFreeArray(cudaArray_t array) {
  return with_context(
      [&] { return array == nullptr ? CUDA_SUCCESS : d.cuArrayDestroy(reinterpret_cast<CUarray>(array)); });
}
SIMCUDART_EXPORT cudaError_t cudaMallocMipmappedArray(cudaMipmappedArray_t* array,
                                                      const cudaChannelFormatDesc* channels, cudaExtent extent,
                                                      unsigned levels, unsigned flags) {
  return with_context([&] {
    const CUDA_ARRAY3D_DESCRIPTOR descriptor = descriptor_of(*channels, extent, flags);
    return d.cuMipmappedArrayCreate(reinterpret_cast<CUmipmappedArray*>(array), &descriptor, levels);
  });
}
SIMCUDART_EXPORT cudaError_t cudaGetMipmappedArrayLevel(cudaArray_t* level, cudaMipmappedArray_const_t array,
                                                        unsigned number) {
  return with_context([&] {
    const auto of = reinterpret_cast<CUmipmappedArray>(const_cast<cudaMipmappedArray*>(array));
    return d.cuMipmappedArrayGetLevel(reinterpret_cast<CUarray*>(level), of, number);
  });
}
SIMCUDART_EXPORT cudaError_t cudaFreeMipmappedArray(cudaMipmappedArray_t array) {
  return with_context([&] { return d.cuMipmappedArrayDestroy(reinterpret_cast<CUmipmappedArray>(array)); });
}

// ---- IPC ----

SIMCUDART_EXPORT cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t* handle, void* pointer) {
  return with_context(
      [&] { return d.cuIpcGetMemHandle(reinterpret_cast<CUipcMemHandle*>(handle), device_pointer(pointer)); });
}
SIMCUDART_EXPORT cudaError_t cudaIpcOpenMemHandle(void** pointer, cudaIpcMemHandle_t handle, unsigned flags) {
  return with_context([&] {
    CUipcMemHandle of_driver;
    static_assert(sizeof of_driver == sizeof handle);
    memcpy(&of_driver, &handle, sizeof of_driver);
    return d.cuIpcOpenMemHandle(address_of(pointer), of_driver, flags);
  });
}
SIMCUDART_EXPORT cudaError_t cudaIpcCloseMemHandle(void* pointer) {
  return with_context([&] { return d.cuIpcCloseMemHandle(device_pointer(pointer)); });
}

// ---- pools ----

SIMCUDART_EXPORT cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return with_context([&] { return d.cuDeviceGetDefaultMemPool(reinterpret_cast<CUmemoryPool*>(pool), device); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  return with_context([&] { return d.cuDeviceGetMemPool(reinterpret_cast<CUmemoryPool*>(pool), device); });
}
SIMCUDART_EXPORT cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  return with_context([&] { return d.cuDeviceSetMemPool(device, reinterpret_cast<CUmemoryPool>(pool)); });
}
SIMCUDART_EXPORT cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  return with_context([&] {
    return d.cuMemPoolCreate(reinterpret_cast<CUmemoryPool*>(pool),
                             reinterpret_cast<const CUmemPoolProps*>(properties));
  });
}
SIMCUDART_EXPORT cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  return with_context([&] { return d.cuMemPoolDestroy(reinterpret_cast<CUmemoryPool>(pool)); });
}
SIMCUDART_EXPORT cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t kept) {
  return with_context([&] { return d.cuMemPoolTrimTo(reinterpret_cast<CUmemoryPool>(pool), kept); });
}
SIMCUDART_EXPORT cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return with_context([&] {
    return d.cuMemPoolSetAttribute(reinterpret_cast<CUmemoryPool>(pool), static_cast<CUmemPool_attribute>(attribute),
                                   value);
  });
}
SIMCUDART_EXPORT cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return with_context([&] {
    return d.cuMemPoolGetAttribute(reinterpret_cast<CUmemoryPool>(pool), static_cast<CUmemPool_attribute>(attribute),
                                   value);
  });
}
SIMCUDART_TWO_FORMS(cudaMallocAsync, _ptsz, (void** pointer, size_t bytes, cudaStream_t stream),
                    d.cuMemAllocAsync[form](address_of(pointer), bytes, stream_of(stream)))
SIMCUDART_TWO_FORMS(cudaMallocFromPoolAsync, _ptsz,
                    (void** pointer, size_t bytes, cudaMemPool_t pool, cudaStream_t stream),
                    d.cuMemAllocFromPoolAsync[form](address_of(pointer), bytes, reinterpret_cast<CUmemoryPool>(pool),
                                                    stream_of(stream)))
SIMCUDART_TWO_FORMS(cudaFreeAsync, _ptsz, (void* pointer, cudaStream_t stream),
                    d.cuMemFreeAsync[form](device_pointer(pointer), stream_of(stream)))

// ---- copies and memsets ----

SIMCUDART_TWO_FORMS(cudaMemcpy, _ptds, (void* to, const void* from, size_t bytes, cudaMemcpyKind),
                    d.cuMemcpy[form](device_pointer(to), device_pointer(from), bytes))
SIMCUDART_TWO_FORMS(cudaMemcpyAsync, _ptsz,
                    (void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream),
                    d.cuMemcpyAsync[form](device_pointer(to), device_pointer(from), bytes, stream_of(stream)))
SIMCUDART_TWO_FORMS(cudaMemset, _ptds, (void* pointer, int value, size_t bytes),
                    d.cuMemsetD8[form](device_pointer(pointer), static_cast<unsigned char>(value), bytes))
SIMCUDART_TWO_FORMS(cudaMemsetAsync, _ptsz, (void* pointer, int value, size_t bytes, cudaStream_t stream),
                    d.cuMemsetD8Async[form](device_pointer(pointer), static_cast<unsigned char>(value), bytes,
                                            stream_of(stream)))
SIMCUDART_TWO_FORMS(cudaMemset2D, _ptds, (void* pointer, size_t pitch, int value, size_t width, size_t height),
                    d.cuMemsetD2D8[form](device_pointer(pointer), pitch, static_cast<unsigned char>(value), width,
                                         height))

#define SIMCUDART_COPY_2D(name, suffix, form_number)                                                        \
  SIMCUDART_EXPORT cudaError_t name##suffix(void* to, size_t to_pitch, const void* from, size_t from_pitch, \
                                            size_t width, size_t height, cudaMemcpyKind) {                  \
    return with_context([&] {                                                                               \
      const CUDA_MEMCPY2D copy = rows(to, to_pitch, from, from_pitch, width, height);                       \
      return d.cuMemcpy2DUnaligned[form_number](&copy);                                                     \
    });                                                                                                     \
  }
SIMCUDART_COPY_2D(cudaMemcpy2D, , 0)
SIMCUDART_COPY_2D(cudaMemcpy2D, _ptds, 1)
#define SIMCUDART_COPY_2D_ASYNC(name, suffix, form_number)                                                      \
  SIMCUDART_EXPORT cudaError_t name##suffix(void* to, size_t to_pitch, const void* from, size_t from_pitch,     \
                                            size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) { \
    return with_context([&] {                                                                                   \
      const CUDA_MEMCPY2D copy = rows(to, to_pitch, from, from_pitch, width, height);                           \
      return d.cuMemcpy2DAsync[form_number](&copy, stream_of(stream));                                          \
    });                                                                                                         \
  }
SIMCUDART_COPY_2D_ASYNC(cudaMemcpy2DAsync, , 0)
SIMCUDART_COPY_2D_ASYNC(cudaMemcpy2DAsync, _ptsz, 1)

}  // namespace simcudart
