// What the driver says of an address.
#include "block.h"

namespace simcuda {
namespace {

CUmemorytype type_of(const Block& block) {
  return block.kind == Kind::pinned || block.kind == Kind::registered ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
}

template <class Value>
void put(void* data, Value value) {
  *static_cast<Value*>(data) = value;
}

// CUDA_ERROR_INVALID_VALUE where the driver does not know the attribute or it does not apply.
CUresult answer(const Block& block, CUpointer_attribute attribute, CUdeviceptr address, void* data) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      put(data, block.context == nullptr ? nullptr : handle_of(*block.context));
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      put<unsigned>(data, type_of(block));
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      put(data, address);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (type_of(block) != CU_MEMORYTYPE_HOST && block.kind != Kind::managed) return CUDA_ERROR_INVALID_VALUE;
      put(data, reinterpret_cast<void*>(address));
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      put<unsigned long long>(data, block.id);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      put<int>(data, block.kind == Kind::managed);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      put<int>(data, block.device == nullptr ? -1 : block.device->ordinal);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
      put<int>(data, block.kind == Kind::linear);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      put(data, CUdeviceptr{block.address});
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      put(data, block.bytes);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPED:
      put<int>(data, 1);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
      put<int>(data, block.sync_memops);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      put(data, block.pool);
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

SIMCUDA_EXPORT CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr address) {
  return run("cuPointerGetAttribute", [&](Lock&, Call&) {
    const Block* block = find_block(address);
    require_argument(data != nullptr && block != nullptr);
    require_argument(answer(*block, attribute, address, data) == CUDA_SUCCESS);
  });
}

// Of an address that is none of the driver's all attributes are 0.
SIMCUDA_EXPORT CUresult cuPointerGetAttributes(unsigned count, CUpointer_attribute* attributes, void** data,
                                               CUdeviceptr address) {
  return run("cuPointerGetAttributes", [&](Lock&, Call&) {
    require_argument(count != 0 && attributes != nullptr && data != nullptr);
    const Block* block = find_block(address);
    for (unsigned i = 0; i < count; ++i) {
      const bool known = block != nullptr && answer(*block, attributes[i], address, data[i]) == CUDA_SUCCESS;
      if (known) continue;
      switch (attributes[i]) {
        case CU_POINTER_ATTRIBUTE_CONTEXT:
        case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        case CU_POINTER_ATTRIBUTE_BUFFER_ID:
        case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
          put<uint64_t>(data[i], 0);
          break;
        case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
          put<int>(data[i], -2);
          break;
        default:
          put<int>(data[i], 0);
      }
    }
  });
}

SIMCUDA_EXPORT CUresult cuPointerSetAttribute(const void* value, CUpointer_attribute attribute, CUdeviceptr address) {
  return run("cuPointerSetAttribute", [&](Lock&, Call&) {
    Block* block = find_block(address);
    require_argument(value != nullptr && attribute == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS && block != nullptr);
    block->sync_memops = *static_cast<const int*>(value) != 0;
  });
}

SIMCUDA_EXPORT CUresult cuMemAdvise(CUdeviceptr address, size_t, CUmem_advise, CUdevice) {
  return run("cuMemAdvise", [&](Lock&, Call&) {
    const Block* block = find_block(address);
    require_argument(block != nullptr && block->kind == Kind::managed);
  });
}

}  // namespace simcuda
