// The functions of CUDA 3.1 and before, whose addresses and sizes have 32 bits. What they allocate has an address of 32 bits.
#include <algorithm>
#include <climits>

#include "array.h"
#include "linear.h"

namespace simcuda {
namespace {

unsigned at_most_32_bits(size_t value) { return static_cast<unsigned>(std::min<size_t>(value, UINT_MAX)); }

// Calls what gives an address and hands on one that fits. call(CUdeviceptr*): null where the program gave null.
template <class Function>
CUresult give_narrow(CUdeviceptr_v1* address, Function call) {
  CUdeviceptr wide = 0;
  const CUresult result = call(address == nullptr ? nullptr : &wide);
  if (result != CUDA_SUCCESS) return result;
  if (wide > UINT_MAX) return CUDA_ERROR_INVALID_VALUE;
  if (address != nullptr) *address = static_cast<CUdeviceptr_v1>(wide);
  return CUDA_SUCCESS;
}

}  // namespace

SIMCUDA_EXPORT CUresult cuMemAlloc(CUdeviceptr_v1* address, unsigned bytes) {
  return give_narrow(address, [&](CUdeviceptr* wide) {
    return allocate("cuMemAlloc", wide, bytes, Kind::linear, AddressWidth::bits_32);
  });
}

SIMCUDA_EXPORT CUresult cuMemAllocPitch(CUdeviceptr_v1* address, unsigned* pitch, unsigned width, unsigned height,
                                        unsigned element_bytes) {
  size_t wide_pitch = 0;
  const CUresult result = give_narrow(address, [&](CUdeviceptr* wide) {
    return allocate_pitched("cuMemAllocPitch", wide, pitch == nullptr ? nullptr : &wide_pitch,
                            {width, height, element_bytes}, AddressWidth::bits_32);
  });
  if (result == CUDA_SUCCESS) *pitch = static_cast<unsigned>(wide_pitch);
  return result;
}

SIMCUDA_EXPORT CUresult cuMemFree(CUdeviceptr_v1 address) { return free_device("cuMemFree", address); }

SIMCUDA_EXPORT CUresult cuMemAllocHost(void** address, unsigned bytes) {
  return allocate_host("cuMemAllocHost", address, bytes, 0);
}

SIMCUDA_EXPORT CUresult cuMemHostGetDevicePointer(CUdeviceptr_v1* address, void* host, unsigned flags) {
  return give_narrow(address, [&](CUdeviceptr* wide) {
    return device_pointer_of_host("cuMemHostGetDevicePointer", wide, host, flags, AddressWidth::bits_32);
  });
}

SIMCUDA_EXPORT CUresult cuMemGetInfo(unsigned* free_bytes, unsigned* total_bytes) {
  size_t wide_free = 0, wide_total = 0;
  const CUresult result = memory_info("cuMemGetInfo", &wide_free, &wide_total);
  if (result != CUDA_SUCCESS) return result;
  if (free_bytes != nullptr) *free_bytes = at_most_32_bits(wide_free);
  if (total_bytes != nullptr) *total_bytes = at_most_32_bits(wide_total);
  return CUDA_SUCCESS;
}

SIMCUDA_EXPORT CUresult cuDeviceTotalMem(unsigned* bytes, CUdevice device) {
  return run("cuDeviceTotalMem", [&](Lock&, Call&) {
    require_argument(bytes != nullptr);
    *bytes = at_most_32_bits(device_of(device).memory.total_bytes());
  });
}

SIMCUDA_EXPORT CUresult cuMemGetAddressRange(CUdeviceptr_v1* base, unsigned* bytes, CUdeviceptr_v1 address) {
  size_t wide_bytes = 0;
  const CUresult result = give_narrow(base, [&](CUdeviceptr* wide_base) {
    return address_range("cuMemGetAddressRange", wide_base, &wide_bytes, address);
  });
  if (result == CUDA_SUCCESS && bytes != nullptr) *bytes = at_most_32_bits(wide_bytes);
  return result;
}

SIMCUDA_EXPORT CUresult cuArrayGetDescriptor(CUDA_ARRAY_DESCRIPTOR_v1* descriptor, CUarray array) {
  return run("cuArrayGetDescriptor", [&](Lock&, Call&) {
    require_argument(descriptor != nullptr);
    const CUDA_ARRAY3D_DESCRIPTOR& of = array_of(array).descriptor;
    *descriptor = {at_most_32_bits(of.Width), at_most_32_bits(of.Height), of.Format, of.NumChannels};
  });
}

SIMCUDA_EXPORT CUresult cuArray3DGetDescriptor(CUDA_ARRAY3D_DESCRIPTOR_v1* descriptor, CUarray array) {
  return run("cuArray3DGetDescriptor", [&](Lock&, Call&) {
    require_argument(descriptor != nullptr);
    const CUDA_ARRAY3D_DESCRIPTOR& of = array_of(array).descriptor;
    *descriptor = {at_most_32_bits(of.Width),
                   at_most_32_bits(of.Height),
                   at_most_32_bits(of.Depth),
                   of.Format,
                   of.NumChannels,
                   of.Flags};
  });
}

}  // namespace simcuda
