// Memory that is there at once: linear, pitched, managed, pinned; and the program's own memory, registered.
#include "linear.h"

#include <climits>

#include "graph.h"

namespace simcuda {
namespace {

constexpr size_t kPitchGranule = 512;

bool is_freed_by_mem_free(Kind kind) {
  return kind == Kind::linear || kind == Kind::pitched || kind == Kind::managed || kind == Kind::async ||
         kind == Kind::shared || kind == Kind::external || kind == Kind::graph;
}

bool may_use(const Context& context, const Block& block) {
  const bool is_hosts = !block.device->memory.holds(block.address);
  return is_hosts || &context == block.context || context.peers.contains(block.context);
}

// What frees waits for work that might use the memory: of the current context, of the block's, of its peers, and of all contexts where it
// is the host's. Where the current one's failed nothing is freed: the error is the call's.
void wait_to_free(Lock& lock, Context& current, uintptr_t address) {
  Tickets work = work_of(current);
  if (const Block* block = find_block_at(address); block != nullptr && block->device != nullptr) {
    for (Context* context : all_contexts()) {
      if (context == &current || !may_use(*context, *block)) continue;
      const Tickets more = work_of(*context);
      work.insert(work.end(), more.begin(), more.end());
    }
  }
  wait_for(lock, work);
  require(current.sticky_error == CUDA_SUCCESS, current.sticky_error);
}

CUresult register_host(const char* name, void* address, size_t bytes, unsigned flags) {
  return run(name, [&](Lock&, Call& call) {
    const auto start = reinterpret_cast<uintptr_t>(address);
    call.number("asked", bytes);
    require_argument(start != 0 && bytes != 0);
    Context& context = current_owner();
    forbid_while_capturing();
    auto next = blocks().lower_bound(start);
    const bool overlaps = (next != blocks().end() && next->first < start + bytes) || find_block(start) != nullptr;
    require(!overlaps, CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    Block block{start, bytes, Kind::registered, &context, &context.device};
    block.flags = flags;
    blocks().emplace(start, block);
    describe(call, block);
  });
}

}  // namespace

CUresult allocate(const char* name, CUdeviceptr* address, size_t bytes, Kind kind, AddressWidth width) {
  return allocate(name, address, {bytes, bytes}, kind, width);
}

CUresult allocate(const char* name, CUdeviceptr* address, const Request& request, Kind kind, AddressWidth width) {
  return run(name, [&](Lock&, Call& call) {
    const size_t bytes = request.taken_bytes;
    call.number("asked", request.bytes);
    require_argument(address != nullptr && bytes != 0);
    Context& context = current_owner();
    forbid_while_capturing();
    const Block& block = allocate_on_device(context, kind, bytes, width);
    *address = block.address;
    describe(call, block);
  });
}

CUresult allocate_pitched(const char* name, CUdeviceptr* address, size_t* pitch, const Rows& rows, AddressWidth width) {
  const bool valid =
      pitch != nullptr && (rows.element_bytes == 4 || rows.element_bytes == 8 || rows.element_bytes == 16);
  const size_t row = (rows.bytes + kPitchGranule - 1) & ~(kPitchGranule - 1);
  size_t bytes = 0;
  if (valid && __builtin_mul_overflow(row, rows.count, &bytes)) bytes = SIZE_MAX;  // more than there can be
  const CUresult result = allocate(name, address, {rows.bytes * rows.count, bytes}, Kind::pitched, width);
  if (result == CUDA_SUCCESS) *pitch = row;
  return result;
}

CUresult allocate_host(const char* name, void** address, size_t bytes, unsigned flags) {
  return run(name, [&](Lock&, Call& call) {
    call.number("asked", bytes);
    require_argument(address != nullptr && bytes != 0);
    Context& context = current_owner();
    forbid_while_capturing();
    const Block& block = allocate_on_host(context, Kind::pinned, bytes, flags);
    *address = reinterpret_cast<void*>(block.address);
    describe(call, block);
  });
}

CUresult free_device(const char* name, CUdeviceptr address) {
  return run(name, [&](Lock& lock, Call& call) {
    call.number("address", address);
    Context& context = current_owner();
    forbid_while_capturing();
    if (address == 0) return;
    wait_to_free(lock, context, address);
    const Block* block = find_block_at(address);
    require_argument(block != nullptr && is_freed_by_mem_free(block->kind) && block->has_memory &&
                     !block->is_freed_in_stream);
    call.number("bytes", block->bytes).text("kind", name_of(block->kind));
    if (block->kind == Kind::graph) {
      find_block_at(address)->is_left_by_graph = false;
      lock.unlock();
      free_graph_block(address);
    } else {
      free_block(*block);
    }
  });
}

CUresult device_pointer_of_host(const char* name, CUdeviceptr* address, const void* host, unsigned flags,
                                AddressWidth width) {
  return run(name, [&](Lock&, Call&) {
    const Block* block = find_block(reinterpret_cast<uintptr_t>(host));
    require_argument(address != nullptr && flags == 0 && block != nullptr &&
                     (block->kind == Kind::pinned || block->kind == Kind::registered));
    const auto wide = reinterpret_cast<CUdeviceptr>(host);
    require_argument(width == AddressWidth::bits_64 || wide <= UINT_MAX);
    *address = wide;
  });
}

CUresult memory_info(const char* name, size_t* free_bytes, size_t* total_bytes) {
  return run(name, [&](Lock&, Call&) {
    const DeviceMemory& memory = current_context().device.memory;
    if (free_bytes != nullptr) *free_bytes = memory.free_bytes();
    if (total_bytes != nullptr) *total_bytes = memory.total_bytes();
  });
}

CUresult address_range(const char* name, CUdeviceptr* base, size_t* bytes, CUdeviceptr address) {
  return run(name, [&](Lock&, Call&) {
    current_context();
    const Block* block = find_block(address);
    require(block != nullptr, CUDA_ERROR_NOT_FOUND);
    if (base != nullptr) *base = block->address;
    if (bytes != nullptr) *bytes = block->bytes;
  });
}

SIMCUDA_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  return allocate("cuMemAlloc_v2", address, bytes, Kind::linear, AddressWidth::bits_64);
}

SIMCUDA_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr* address, size_t* pitch, size_t width, size_t height,
                                           unsigned element_bytes) {
  return allocate_pitched("cuMemAllocPitch_v2", address, pitch, {width, height, element_bytes}, AddressWidth::bits_64);
}

SIMCUDA_EXPORT CUresult cuMemAllocManaged(CUdeviceptr* address, size_t bytes, unsigned flags) {
  return run("cuMemAllocManaged", [&](Lock&, Call& call) {
    call.number("asked", bytes);
    require_argument(address != nullptr && (flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST));
    Context& context = current_owner();
    forbid_while_capturing();
    const Block& block = allocate_on_host(context, Kind::managed, bytes, flags);
    *address = block.address;
    describe(call, block);
  });
}

SIMCUDA_EXPORT CUresult cuMemFree_v2(CUdeviceptr address) { return free_device("cuMemFree_v2", address); }

SIMCUDA_EXPORT CUresult cuMemAllocHost_v2(void** address, size_t bytes) {
  return allocate_host("cuMemAllocHost_v2", address, bytes, 0);
}
SIMCUDA_EXPORT CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned flags) {
  return allocate_host("cuMemHostAlloc", address, bytes, flags);
}

SIMCUDA_EXPORT CUresult cuMemFreeHost(void* address) {
  return run("cuMemFreeHost", [&](Lock& lock, Call& call) {
    const auto start = reinterpret_cast<uintptr_t>(address);
    call.number("address", start);
    Context& context = current_owner();
    forbid_while_capturing();
    if (start == 0) return;
    wait_to_free(lock, context, start);
    const Block* block = find_block_at(start);
    require_argument(block != nullptr && block->kind == Kind::pinned);
    call.number("bytes", block->bytes).text("kind", name_of(block->kind));
    free_block(*block);
  });
}

SIMCUDA_EXPORT CUresult cuMemHostRegister(void* address, size_t bytes, unsigned flags) {
  return register_host("cuMemHostRegister", address, bytes, flags);
}
SIMCUDA_EXPORT CUresult cuMemHostRegister_v2(void* address, size_t bytes, unsigned flags) {
  return register_host("cuMemHostRegister_v2", address, bytes, flags);
}

SIMCUDA_EXPORT CUresult cuMemHostUnregister(void* address) {
  return run("cuMemHostUnregister", [&](Lock& lock, Call& call) {
    const auto start = reinterpret_cast<uintptr_t>(address);
    call.number("address", start);
    Context& context = current_owner();
    forbid_while_capturing();
    wait_to_free(lock, context, start);
    const Block* block = find_block_at(start);
    require(block != nullptr && block->kind == Kind::registered, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    call.number("bytes", block->bytes);
    free_block(*block);
  });
}

SIMCUDA_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* address, void* host, unsigned flags) {
  return device_pointer_of_host("cuMemHostGetDevicePointer_v2", address, host, flags, AddressWidth::bits_64);
}

SIMCUDA_EXPORT CUresult cuMemHostGetFlags(unsigned* flags, void* host) {
  return run("cuMemHostGetFlags", [&](Lock&, Call&) {
    const Block* block = find_block(reinterpret_cast<uintptr_t>(host));
    require_argument(flags != nullptr && block != nullptr && block->kind == Kind::pinned);
    *flags = block->flags;
  });
}

SIMCUDA_EXPORT CUresult cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  return memory_info("cuMemGetInfo_v2", free_bytes, total_bytes);
}

SIMCUDA_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr address) {
  return address_range("cuMemGetAddressRange_v2", base, bytes, address);
}

}  // namespace simcuda
