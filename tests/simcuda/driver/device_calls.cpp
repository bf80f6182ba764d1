// What programs ask of devices.
#include <cstdio>
#include <cstring>

#include "context.h"

namespace simcuda {
namespace {

struct Attribute {
  CUdevice_attribute attribute;
  int value;
};

// Those of a device of compute capability 8.0, as far as programs ask for them.
constexpr Attribute kAttributes[] = {
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
    {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536},
    {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
    {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 2147483647},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
    {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1410000},
    {CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT, 512},
    {CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT, 32},
    {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 108},
    {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
    {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
    {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1215000},
    {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 5120},
    {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 41943040},
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
    {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 3},
    {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 8},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
    {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 167936},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
    {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 1},
    {CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, 1},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, 1},
    {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 166912},
    {CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 32},
    {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_MEMPOOL_SUPPORTED_HANDLE_TYPES, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR},
};

CUresult get_uuid(const char* name, CUuuid* uuid, CUdevice ordinal) {
  return run(name, [&](Lock&, Call&) {
    require_argument(uuid != nullptr);
    memset(uuid, 0, sizeof *uuid);
    memcpy(uuid->bytes, "Weir simcuda", 12);
    uuid->bytes[15] = static_cast<char>(device_of(ordinal).ordinal);
  });
}

}  // namespace

SIMCUDA_EXPORT CUresult cuDeviceGetCount(int* count) {
  return run("cuDeviceGetCount", [&](Lock&, Call&) {
    require_argument(count != nullptr);
    *count = device_count();
  });
}

SIMCUDA_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return run("cuDeviceGet", [&](Lock&, Call&) {
    require_argument(device != nullptr);
    *device = device_of(ordinal).ordinal;
  });
}

SIMCUDA_EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return run("cuDeviceGetName", [&](Lock&, Call&) {
    require_argument(name != nullptr && length > 0);
    snprintf(name, static_cast<size_t>(length), "Simulated device %d", device_of(device).ordinal);
  });
}

SIMCUDA_EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  return run("cuDeviceTotalMem_v2", [&](Lock&, Call&) {
    require_argument(bytes != nullptr);
    *bytes = device_of(device).memory.total_bytes();
  });
}

SIMCUDA_EXPORT CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return run("cuDeviceGetAttribute", [&](Lock&, Call&) {
    require_argument(value != nullptr && attribute > 0 && attribute < CU_DEVICE_ATTRIBUTE_MAX);
    *value = attribute == CU_DEVICE_ATTRIBUTE_PCI_BUS_ID ? device_of(device).ordinal + 1 : 0;
    if (attribute == CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS) *value = settings().reads_pageable;
    for (const Attribute& known : kAttributes) {
      if (known.attribute == attribute) *value = known.value;
    }
  });
}

SIMCUDA_EXPORT CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  const CUresult result = cuDeviceGetAttribute(major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  return result != CUDA_SUCCESS ? result
                                : cuDeviceGetAttribute(minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
}

SIMCUDA_EXPORT CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return get_uuid("cuDeviceGetUuid", uuid, device);
}
SIMCUDA_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  return get_uuid("cuDeviceGetUuid_v2", uuid, device);
}

SIMCUDA_EXPORT CUresult cuDeviceGetPCIBusId(char* text, int length, CUdevice device) {
  return run("cuDeviceGetPCIBusId", [&](Lock&, Call&) {
    require_argument(text != nullptr && length > 0);
    snprintf(text, static_cast<size_t>(length), "0000:%02x:00.0", device_of(device).ordinal + 1);
  });
}

SIMCUDA_EXPORT CUresult cuDeviceGetByPCIBusId(CUdevice* device, const char* text) {
  return run("cuDeviceGetByPCIBusId", [&](Lock&, Call&) {
    unsigned domain = 0, bus = 0;
    require_argument(device != nullptr && text != nullptr && sscanf(text, "%x:%x", &domain, &bus) == 2);
    *device = device_of(static_cast<int>(bus) - 1).ordinal;
  });
}

SIMCUDA_EXPORT CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
  return run("cuDeviceCanAccessPeer", [&](Lock&, Call&) {
    require_argument(can != nullptr);
    *can = &device_of(device) != &device_of(peer);
  });
}

SIMCUDA_EXPORT CUresult cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute, CUdevice device, CUdevice peer) {
  return run("cuDeviceGetP2PAttribute", [&](Lock&, Call&) {
    require_argument(value != nullptr && &device_of(device) != &device_of(peer));
    *value = 1;
  });
}

}  // namespace simcuda
