// Virtual memory management: memory without an address (cuMemCreate), addresses without memory (cuMemAddressReserve), and mappings of
// one to the other. Memory that may be exported is a file of its own, so that another process can import it; other memory is a part of the
// device's file: there are not as many descriptors as pieces that a device has.
#include "vmm.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

struct Mapping {
  size_t bytes, offset;  // the offset is in the memory
  Memory* memory;
};

std::map<CUmemGenericAllocationHandle, std::unique_ptr<Memory>>& memories() {
  static auto* const all = new std::map<CUmemGenericAllocationHandle, std::unique_ptr<Memory>>;
  return *all;
}
std::map<uintptr_t, Mapping>& mappings() {
  static auto* const all = new std::map<uintptr_t, Mapping>;
  return *all;
}

// Addresses that are reserved, and wholly so.
void require_reserved(uintptr_t address, size_t bytes) {
  const Block* block = find_block(address);
  require_argument(block != nullptr && block->kind == Kind::reserved && address + bytes <= block->end());
}

Memory& make_memory_with_file(Device& device, size_t bytes, const CUmemAllocationProp& properties) {
  require(device.memory.take(bytes), CUDA_ERROR_OUT_OF_MEMORY);
  return add_memory(make_memory_file(bytes), bytes, device, properties);
}

Memory& make_memory_in_device(Device& device, size_t bytes, const CUmemAllocationProp& properties) {
  const uintptr_t part = device.memory.allocate(bytes);
  require(part != 0, CUDA_ERROR_OUT_OF_MEMORY);
  Memory& memory = add_memory(device.memory.file(), bytes, device, properties);
  memory.part = part;
  return memory;
}

void* pointer(uintptr_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

Memory& memory_of(CUmemGenericAllocationHandle handle) {
  const auto found = memories().find(handle);
  require_argument(found != memories().end() && found->second->handles > 0);
  return *found->second;
}

int make_memory_file(size_t bytes) {
  const int file = memfd_create("simcuda memory", MFD_CLOEXEC);
  require(file >= 0 && ftruncate(file, static_cast<off_t>(bytes)) == 0, CUDA_ERROR_OUT_OF_MEMORY);
  return file;
}

Memory& add_memory(int file, size_t bytes, Device& device, const CUmemAllocationProp& properties) {
  auto made = std::make_unique<Memory>(Memory{file, bytes, device, properties});
  Memory& memory = *made;
  memories()[handle_of(memory)] = std::move(made);
  return memory;
}

void drop_where_unused(Memory& memory) {
  if (memory.handles != 0 || memory.uses != 0) return;
  if (memory.multicast != nullptr) {
    for (const Binding& binding : memory.multicast->bindings) {
      --binding.memory->uses;
      drop_where_unused(*binding.memory);
    }
  } else if (memory.part != 0) {
    memory.device.memory.release(memory.part, memory.bytes);
  } else {
    memory.device.memory.give_back(memory.bytes);
  }
  if (memory.part == 0) close(memory.file);
  log_event("memory given back", handle_of(memory), memory.bytes);
  memories().erase(handle_of(memory));
}

Mapped mapped_at(uintptr_t address) {
  auto after = mappings().upper_bound(address);
  require_argument(after != mappings().begin());
  const auto& [start, mapping] = *std::prev(after);
  require_argument(address - start < mapping.bytes);
  const size_t inside = address - start;
  return {*mapping.memory, mapping.offset + inside, mapping.bytes - inside};
}

bool is_mapped(uintptr_t address, size_t bytes) {
  const uintptr_t end = address + bytes;
  while (address < end) {
    const auto after = mappings().upper_bound(address);
    if (after == mappings().begin()) return false;
    const auto& [start, mapping] = *std::prev(after);
    if (address - start >= mapping.bytes) return false;
    address = start + mapping.bytes;
  }
  return true;
}

SIMCUDA_EXPORT CUresult cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* properties,
                                                      CUmemAllocationGranularity_flags) {
  return run("cuMemGetAllocationGranularity", [&](Lock&, Call&) {
    require_argument(granularity != nullptr && properties != nullptr);
    *granularity = kMemoryGranularity;
  });
}

SIMCUDA_EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t bytes,
                                    const CUmemAllocationProp* properties, unsigned long long flags) {
  return run("cuMemCreate", [&](Lock&, Call& call) {
    call.number("asked", bytes);
    require_argument(handle != nullptr && properties != nullptr && flags == 0);
    require_argument(bytes != 0 && bytes % kMemoryGranularity == 0);
    require_argument(properties->type == CU_MEM_ALLOCATION_TYPE_PINNED);
    const bool on_device = properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
    Device& device = device_of(on_device ? properties->location.id : 0);
    Memory& memory = properties->requestedHandleTypes != CU_MEM_HANDLE_TYPE_NONE
                         ? make_memory_with_file(device, bytes, *properties)
                         : make_memory_in_device(device, bytes, *properties);
    *handle = handle_of(memory);
    call.number("handle", *handle).number("bytes", bytes).text("kind", "memory");
    call.number("device", static_cast<uint64_t>(device.ordinal));
  });
}

SIMCUDA_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return run("cuMemRelease", [&](Lock&, Call& call) {
    call.number("handle", handle);
    Memory& memory = memory_of(handle);
    call.number("bytes", memory.bytes);
    --memory.handles;
    drop_where_unused(memory);
  });
}

SIMCUDA_EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* address) {
  return run("cuMemRetainAllocationHandle", [&](Lock&, Call& call) {
    require_argument(handle != nullptr);
    Memory& memory = mapped_at(reinterpret_cast<uintptr_t>(address)).memory;
    ++memory.handles;
    *handle = handle_of(memory);
    call.number("handle", *handle);
  });
}

SIMCUDA_EXPORT CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* properties,
                                                               CUmemGenericAllocationHandle handle) {
  return run("cuMemGetAllocationPropertiesFromHandle", [&](Lock&, Call&) {
    require_argument(properties != nullptr);
    *properties = memory_of(handle).properties;
  });
}

SIMCUDA_EXPORT CUresult cuMemExportToShareableHandle(void* shared, CUmemGenericAllocationHandle handle,
                                                     CUmemAllocationHandleType type, unsigned long long flags) {
  return run("cuMemExportToShareableHandle", [&](Lock&, Call& call) {
    require_argument(shared != nullptr && flags == 0);
    require(type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, CUDA_ERROR_NOT_SUPPORTED);
    const Memory& memory = memory_of(handle);
    require_argument(memory.part == 0);  // nobody asked for that when it was made
    *static_cast<int*>(shared) = dup(memory.file);
    call.number("handle", handle);
  });
}

SIMCUDA_EXPORT CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* shared,
                                                       CUmemAllocationHandleType type) {
  return run("cuMemImportFromShareableHandle", [&](Lock&, Call& call) {
    require_argument(handle != nullptr);
    require(type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, CUDA_ERROR_NOT_SUPPORTED);
    const int file = dup(static_cast<int>(reinterpret_cast<intptr_t>(shared)));
    struct stat status {};
    require_argument(file >= 0 && fstat(file, &status) == 0);
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
    Device& device = device_of(0);
    require(device.memory.take(static_cast<size_t>(status.st_size)), CUDA_ERROR_OUT_OF_MEMORY);
    *handle = handle_of(add_memory(file, static_cast<size_t>(status.st_size), device, properties));
    call.number("handle", *handle)
        .number("bytes", static_cast<uint64_t>(status.st_size))
        .text("kind", "imported memory");
  });
}

SIMCUDA_EXPORT CUresult cuMemAddressReserve(CUdeviceptr* address, size_t bytes, size_t alignment, CUdeviceptr wanted,
                                            unsigned long long flags) {
  return run("cuMemAddressReserve", [&](Lock&, Call& call) {
    call.number("asked", bytes);
    require_argument(address != nullptr && bytes != 0 && bytes % kMemoryGranularity == 0 && flags == 0);
    const size_t aligned_to = std::max(alignment, kMemoryGranularity);
    void* mapped =
        mmap(pointer(wanted), bytes + aligned_to, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(mapped != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    const auto start = reinterpret_cast<uintptr_t>(mapped);
    const uintptr_t aligned = (start + aligned_to - 1) & ~(aligned_to - 1);
    if (aligned != start) munmap(mapped, aligned - start);
    if (const uintptr_t end = start + bytes + aligned_to; end != aligned + bytes) {
      munmap(pointer(aligned + bytes), end - (aligned + bytes));
    }
    blocks().emplace(aligned, Block{aligned, bytes, Kind::reserved, nullptr, nullptr});
    *address = aligned;
    call.number("address", aligned).number("bytes", bytes).text("kind", name_of(Kind::reserved));
  });
}

SIMCUDA_EXPORT CUresult cuMemAddressFree(CUdeviceptr address, size_t bytes) {
  return run("cuMemAddressFree", [&](Lock&, Call& call) {
    call.number("address", address).number("bytes", bytes);
    const Block* block = find_block_at(address);
    require_argument(block != nullptr && block->kind == Kind::reserved && block->bytes == bytes);
    const auto inside = mappings().lower_bound(address);
    require_argument(inside == mappings().end() || inside->first >= address + bytes);
    free_block(*block);
  });
}

SIMCUDA_EXPORT CUresult cuMemMap(CUdeviceptr address, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                                 unsigned long long flags) {
  return run("cuMemMap", [&](Lock&, Call& call) {
    call.number("address", address).number("bytes", bytes).number("handle", handle);
    require_argument(flags == 0 && bytes % kMemoryGranularity == 0);
    Memory& memory = memory_of(handle);
    require_argument(offset <= memory.bytes && bytes <= memory.bytes - offset);
    // A device would wait until they are.
    require(memory.multicast == nullptr || memory.multicast->is_complete(), CUDA_ERROR_ILLEGAL_STATE);
    require_reserved(address, bytes);
    require_argument(!mappings().contains(address));
    const uint64_t start = memory.part == 0 ? 0 : memory.device.memory.offset_of(memory.part);
    void* mapped = mmap(pointer(address), bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, memory.file,
                        static_cast<off_t>(start + offset));
    require(mapped != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    mappings()[address] = {bytes, offset, &memory};
    ++memory.uses;
  });
}

SIMCUDA_EXPORT CUresult cuMemUnmap(CUdeviceptr address, size_t bytes) {
  return run("cuMemUnmap", [&](Lock&, Call& call) {
    call.number("address", address).number("bytes", bytes);
    require_reserved(address, bytes);
    const auto first = mappings().lower_bound(address), end = mappings().lower_bound(address + bytes);
    require_argument(first != end && first->first == address);
    for (auto at = first; at != end; ++at) {
      require_argument(at->first + at->second.bytes <= address + bytes);
    }
    for (auto at = first; at != end; ++at) {
      --at->second.memory->uses;
      drop_where_unused(*at->second.memory);
    }
    mappings().erase(first, end);
    mmap(pointer(address), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  });
}

SIMCUDA_EXPORT CUresult cuMemSetAccess(CUdeviceptr address, size_t bytes, const CUmemAccessDesc* wanted, size_t count) {
  return run("cuMemSetAccess", [&](Lock&, Call& call) {
    call.number("address", address).number("bytes", bytes);
    require_argument(wanted != nullptr && count != 0);
    require_reserved(address, bytes);
    int protection = PROT_NONE;
    for (size_t i = 0; i < count; ++i) {
      if (wanted[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READ) protection |= PROT_READ;
      if (wanted[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE) protection |= PROT_READ | PROT_WRITE;
    }
    require_argument(mprotect(pointer(address), bytes, protection) == 0);
  });
}

}  // namespace simcuda
