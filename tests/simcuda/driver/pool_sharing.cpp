// Pools shared between processes: what is exported is the file of the device's memory; a pointer's data say where in it. The other
// process maps that.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "block.h"
#include "graph.h"
#include "pools.h"

namespace simcuda {
namespace {

struct SharedPointer {
  uint64_t offset, bytes;
};
static_assert(sizeof(SharedPointer) <= sizeof(CUmemPoolPtrExportData));

// The device in whose file the descriptor is; CUDA_ERROR_INVALID_VALUE where it is none of a simulated device.
Device& device_of_file(int file) {
  char name[64] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  int ordinal = -1;
  require_argument(readlink(link.c_str(), name, sizeof name - 1) > 0);
  require_argument(sscanf(name, DeviceMemory::kFileLink, &ordinal) == 1);
  return device_of(ordinal);
}

bool is_exportable(const Pool& pool) {
  return pool.properties.handleTypes == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR && !pool.is_imported();
}

}  // namespace

SIMCUDA_EXPORT CUresult cuMemPoolExportToShareableHandle(void* shared, CUmemoryPool handle,
                                                         CUmemAllocationHandleType type, unsigned long long flags) {
  return run("cuMemPoolExportToShareableHandle", [&](Lock&, Call& call) {
    require_argument(shared != nullptr && flags == 0);
    const Pool& pool = pool_of(handle);
    call.number("pool", reinterpret_cast<uintptr_t>(handle));
    require_argument(is_exportable(pool) && type == pool.properties.handleTypes);
    *static_cast<int*>(shared) = dup(pool.device.memory.file());
  });
}

SIMCUDA_EXPORT CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool* pool, void* shared,
                                                           CUmemAllocationHandleType type, unsigned long long flags) {
  return run("cuMemPoolImportFromShareableHandle", [&](Lock&, Call& call) {
    require_argument(pool != nullptr && flags == 0);
    require(type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, CUDA_ERROR_NOT_SUPPORTED);
    const int file = static_cast<int>(reinterpret_cast<intptr_t>(shared));
    const Device& device = device_of_file(file);
    CUmemPoolProps properties{};
    properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.handleTypes = type;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device.ordinal}};
    Pool& made = add_pool(properties);
    made.imported_file = dup(file);
    *pool = handle_of(made);
    call.number("pool", reinterpret_cast<uintptr_t>(&made)).text("kind", "imported pool");
    call.number("device", static_cast<uint64_t>(device.ordinal));
  });
}

SIMCUDA_EXPORT CUresult cuMemPoolExportPointer(CUmemPoolPtrExportData* data, CUdeviceptr address) {
  return run("cuMemPoolExportPointer", [&](Lock&, Call& call) {
    call.number("address", address);
    const Block* block = find_block(address);
    require_argument(data != nullptr && block != nullptr && block->pool != nullptr && is_exportable(*block->pool));
    const SharedPointer shared{block->device->memory.offset_of(block->address), block->bytes};
    memset(data, 0, sizeof *data);
    memcpy(data, &shared, sizeof shared);
  });
}

SIMCUDA_EXPORT CUresult cuMemPoolImportPointer(CUdeviceptr* address, CUmemoryPool handle,
                                               CUmemPoolPtrExportData* data) {
  return run("cuMemPoolImportPointer", [&](Lock&, Call& call) {
    require_argument(address != nullptr && data != nullptr);
    Pool& pool = pool_of(handle);
    require_argument(pool.is_imported());
    Context& context = current_owner();
    forbid_while_capturing();
    SharedPointer shared{};
    memcpy(&shared, data, sizeof shared);
    Block& block =
        map_device_memory_of(pool.imported_file, shared.offset, shared.bytes, Kind::shared, context, pool.device);
    block.pool = &pool;
    pool.used_bytes += block.bytes;
    *address = block.address;
    describe(call, block).number("pool", reinterpret_cast<uintptr_t>(&pool));
  });
}

}  // namespace simcuda
