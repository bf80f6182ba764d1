// Memory that another API made, by a file descriptor.
#include "external.h"

#include <sys/mman.h>
#include <unistd.h>

#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

struct External {
  int file;
  size_t bytes;
  Context& context;
};

std::map<CUexternalMemory, std::unique_ptr<External>>& externals() {
  static auto* const all = new std::map<CUexternalMemory, std::unique_ptr<External>>;
  return *all;
}

External& external_of(CUexternalMemory handle) { return at_handle(externals(), handle, CUDA_ERROR_INVALID_HANDLE); }

}  // namespace

void forget_externals_of(const Context& context) {
  std::erase_if(externals(), [&](const auto& entry) {
    const External& external = *entry.second;
    if (&external.context != &context) return false;
    log_event("freed with its context", reinterpret_cast<uintptr_t>(&external), external.bytes);
    close(external.file);
    return true;
  });
}

// The descriptor is the driver's from then on.
SIMCUDA_EXPORT CUresult cuImportExternalMemory(CUexternalMemory* handle,
                                               const CUDA_EXTERNAL_MEMORY_HANDLE_DESC* descriptor) {
  return run("cuImportExternalMemory", [&](Lock&, Call& call) {
    require_argument(handle != nullptr && descriptor != nullptr && descriptor->size != 0);
    require(descriptor->type == CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD, CUDA_ERROR_NOT_SUPPORTED);
    forbid_while_capturing();
    auto made = std::make_unique<External>(External{descriptor->handle.fd, descriptor->size, current_owner()});
    *handle = reinterpret_cast<CUexternalMemory>(made.get());
    call.number("handle", reinterpret_cast<uintptr_t>(made.get())).number("bytes", made->bytes);
    call.text("kind", "external memory").number("device", static_cast<uint64_t>(made->context.device.ordinal));
    externals()[*handle] = std::move(made);
  });
}

SIMCUDA_EXPORT CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr* address, CUexternalMemory handle,
                                                        const CUDA_EXTERNAL_MEMORY_BUFFER_DESC* descriptor) {
  return run("cuExternalMemoryGetMappedBuffer", [&](Lock&, Call& call) {
    require_argument(address != nullptr && descriptor != nullptr && descriptor->size != 0);
    const External& external = external_of(handle);
    require_argument(descriptor->offset + descriptor->size <= external.bytes);
    forbid_while_capturing();
    void* mapped = mmap(nullptr, descriptor->size, PROT_READ | PROT_WRITE, MAP_SHARED, external.file,
                        static_cast<off_t>(descriptor->offset));
    require(mapped != MAP_FAILED, CUDA_ERROR_MAP_FAILED);
    const auto start = reinterpret_cast<uintptr_t>(mapped);
    Context& context = external.context;
    blocks().emplace(start, Block{start, descriptor->size, Kind::external, &context, &context.device});
    *address = start;
    describe(call, *find_block_at(start));
  });
}

// Its mappings stay until they are freed.
SIMCUDA_EXPORT CUresult cuDestroyExternalMemory(CUexternalMemory handle) {
  return run("cuDestroyExternalMemory", [&](Lock&, Call& call) {
    const External& external = external_of(handle);
    call.number("handle", reinterpret_cast<uintptr_t>(handle)).number("bytes", external.bytes);
    close(external.file);
    externals().erase(handle);
  });
}

}  // namespace simcuda
