// Device memory shared between processes: the handle says in whose file it lies and where, and the other process maps that.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

struct Shared {
  pid_t process;
  int file;  // of that process
  int device;
  int nothing;  // where there would be padding: handles of one allocation are equal
  uint64_t offset, bytes;
  uint64_t id;
};
static_assert(sizeof(Shared) <= sizeof(CUipcMemHandle));

// Closed when it goes out of scope.
struct Opened {
  int file;
  ~Opened() { close(file); }
};

CUresult open_handle(const char* name, CUdeviceptr* address, CUipcMemHandle handle, unsigned flags) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(address != nullptr && flags == CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
    Context& context = current_owner();
    forbid_while_capturing();
    Shared shared{};
    memcpy(&shared, &handle, sizeof shared);
    // A process cannot open its own handles.
    require(shared.process != getpid(), CUDA_ERROR_INVALID_CONTEXT);
    const std::string path = "/proc/" + std::to_string(shared.process) + "/fd/" + std::to_string(shared.file);
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    require(file >= 0, CUDA_ERROR_INVALID_HANDLE);
    const Opened opened{file};
    const Block& block =
        map_device_memory_of(file, shared.offset, shared.bytes, Kind::imported, context, device_of(shared.device));
    *address = block.address;
    describe(call, block);
  });
}

}  // namespace

SIMCUDA_EXPORT CUresult cuIpcGetMemHandle(CUipcMemHandle* handle, CUdeviceptr address) {
  return run("cuIpcGetMemHandle", [&](Lock&, Call& call) {
    call.number("address", address);
    const Block* block = find_block(address);
    require_argument(handle != nullptr && block != nullptr && block->kind == Kind::linear);
    const DeviceMemory& memory = block->device->memory;
    const Shared shared{getpid(),     memory.file(), block->device->ordinal, 0, memory.offset_of(block->address),
                        block->bytes, block->id};
    memset(handle, 0, sizeof *handle);
    memcpy(handle, &shared, sizeof shared);
  });
}

SIMCUDA_EXPORT CUresult cuIpcOpenMemHandle(CUdeviceptr* address, CUipcMemHandle handle, unsigned flags) {
  return open_handle("cuIpcOpenMemHandle", address, handle, flags);
}
SIMCUDA_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* address, CUipcMemHandle handle, unsigned flags) {
  return open_handle("cuIpcOpenMemHandle_v2", address, handle, flags);
}

SIMCUDA_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr address) {
  return run("cuIpcCloseMemHandle", [&](Lock& lock, Call& call) {
    call.number("address", address);
    Context& context = current_owner();
    wait_for(lock, work_of(context));
    const Block* block = find_block_at(address);
    require_argument(block != nullptr && block->kind == Kind::imported);
    call.number("bytes", block->bytes);
    free_block(*block);
  });
}

// The file of the whole device, where a driver gives one of the range: nothing here maps it.
SIMCUDA_EXPORT CUresult cuMemGetHandleForAddressRange(void* handle, CUdeviceptr address, size_t bytes,
                                                      CUmemRangeHandleType type, unsigned long long flags) {
  return run("cuMemGetHandleForAddressRange", [&](Lock&, Call& call) {
    const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    call.number("address", address).number("bytes", bytes);
    require_argument(handle != nullptr && type == CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD && flags == 0);
    require_argument(bytes != 0 && address % page_bytes == 0 && bytes % page_bytes == 0);
    const Block* block = find_block(address);
    require_argument(block != nullptr && block->kind == Kind::linear && bytes <= block->end() - address);
    const int file = fcntl(block->device->memory.file(), F_DUPFD_CLOEXEC, 0);
    require(file >= 0, CUDA_ERROR_OPERATING_SYSTEM);
    *static_cast<int*>(handle) = file;
  });
}

}  // namespace simcuda
