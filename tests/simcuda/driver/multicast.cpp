// Multicast objects: handles as memory's, which map as memory does, and to which memory of several devices is bound.
#include <algorithm>

#include "graph.h"
#include "vmm.h"

namespace simcuda {
namespace {

Memory& object_of(CUmemGenericAllocationHandle handle) {
  Memory& object = memory_of(handle);
  require_argument(object.multicast != nullptr);
  return object;
}

bool is_whole(size_t bytes) { return bytes % kMemoryGranularity == 0; }

// A device would wait until all devices were added.
void bind(Memory& object, size_t offset, Memory& memory, size_t bytes) {
  Multicast& multicast = *object.multicast;
  require(multicast.is_complete(), CUDA_ERROR_ILLEGAL_STATE);
  require_argument(bytes != 0 && is_whole(bytes) && is_whole(offset));
  require_argument(offset <= object.bytes && bytes <= object.bytes - offset);
  require_argument(memory.multicast == nullptr && multicast.devices.contains(&memory.device));
  for (const Binding& other : multicast.bindings) {
    const bool is_apart = offset + bytes <= other.offset || other.offset + other.bytes <= offset;
    require_argument(other.device != &memory.device || is_apart);
  }
  multicast.bindings.push_back({&memory.device, offset, bytes, &memory});
  ++memory.uses;
}

}  // namespace

SIMCUDA_EXPORT CUresult cuMulticastGetGranularity(size_t* granularity, const CUmulticastObjectProp* properties,
                                                  CUmulticastGranularity_flags) {
  return run("cuMulticastGetGranularity", [&](Lock&, Call&) {
    require_argument(granularity != nullptr && properties != nullptr);
    *granularity = kMemoryGranularity;
  });
}

SIMCUDA_EXPORT CUresult cuMulticastCreate(CUmemGenericAllocationHandle* handle, const CUmulticastObjectProp* wanted) {
  return run("cuMulticastCreate", [&](Lock&, Call& call) {
    require_argument(handle != nullptr && wanted != nullptr && wanted->flags == 0);
    call.number("asked", wanted->size);
    require_argument(wanted->size != 0 && is_whole(wanted->size));
    require_argument(wanted->numDevices != 0 && wanted->numDevices <= static_cast<unsigned>(device_count()));
    Memory& object = add_memory(make_memory_file(wanted->size), wanted->size, device_of(0), {});
    object.multicast = std::make_unique<Multicast>(Multicast{wanted->numDevices});
    *handle = handle_of(object);
    call.number("handle", *handle).number("bytes", object.bytes).text("kind", "multicast");
  });
}

SIMCUDA_EXPORT CUresult cuMulticastAddDevice(CUmemGenericAllocationHandle handle, CUdevice device) {
  return run("cuMulticastAddDevice", [&](Lock&, Call& call) {
    call.number("handle", handle).number("device", static_cast<uint64_t>(device));
    Multicast& multicast = *object_of(handle).multicast;
    require_argument(!multicast.is_complete());
    require_argument(multicast.devices.insert(&device_of(device)).second);
  });
}

SIMCUDA_EXPORT CUresult cuMulticastBindMem(CUmemGenericAllocationHandle handle, size_t offset,
                                           CUmemGenericAllocationHandle memory_handle, size_t memory_offset,
                                           size_t bytes, unsigned long long flags) {
  return run("cuMulticastBindMem", [&](Lock&, Call& call) {
    call.number("handle", handle).number("memory", memory_handle).number("offset", offset).number("bytes", bytes);
    Memory& memory = memory_of(memory_handle);
    require_argument(flags == 0 && is_whole(memory_offset));
    require_argument(memory_offset <= memory.bytes && bytes <= memory.bytes - memory_offset);
    bind(object_of(handle), offset, memory, bytes);
  });
}

SIMCUDA_EXPORT CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle handle, size_t offset, CUdeviceptr address,
                                            size_t bytes, unsigned long long flags) {
  return run("cuMulticastBindAddr", [&](Lock&, Call& call) {
    call.number("handle", handle).number("address", address).number("offset", offset).number("bytes", bytes);
    const Mapped mapped = mapped_at(address);
    require_argument(flags == 0 && is_whole(mapped.offset) && bytes <= mapped.bytes);
    bind(object_of(handle), offset, mapped.memory, bytes);
  });
}

// What was bound so, wholly.
SIMCUDA_EXPORT CUresult cuMulticastUnbind(CUmemGenericAllocationHandle handle, CUdevice device, size_t offset,
                                          size_t bytes) {
  return run("cuMulticastUnbind", [&](Lock&, Call& call) {
    call.number("handle", handle).number("device", static_cast<uint64_t>(device));
    call.number("offset", offset).number("bytes", bytes);
    std::vector<Binding>& bindings = object_of(handle).multicast->bindings;
    const auto found = std::find_if(bindings.begin(), bindings.end(), [&](const Binding& binding) {
      return binding.device == &device_of(device) && binding.offset == offset && binding.bytes == bytes;
    });
    require_argument(found != bindings.end());
    Memory& memory = *found->memory;
    bindings.erase(found);
    --memory.uses;
    drop_where_unused(memory);
  });
}

}  // namespace simcuda
