// Mappings of memory to parts of sparse arrays. An array has memory of its own here, so that they change nothing but are checked.
#include "array.h"
#include "vmm.h"

namespace simcuda {
namespace {

// The array's handle.
uintptr_t array_in(const CUarrayMapInfo& info) {
  if (info.resourceType == CU_RESOURCE_TYPE_ARRAY) {
    array_of(info.resource.array);
    return reinterpret_cast<uintptr_t>(info.resource.array);
  }
  require_argument(info.resourceType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY && info.resource.mipmap != nullptr);
  return reinterpret_cast<uintptr_t>(info.resource.mipmap);
}

void map_or_unmap(const CUarrayMapInfo& info) {
  const uintptr_t array = array_in(info);
  if (info.memOperationType == CU_MEM_OPERATION_TYPE_UNMAP) {
    log_event("unmapped from an array", array, 0);
    return;
  }
  require_argument(info.memOperationType == CU_MEM_OPERATION_TYPE_MAP);
  require_argument(info.memHandleType == CU_MEM_HANDLE_TYPE_GENERIC);
  const Memory& memory = memory_of(info.memHandle.memHandle);
  require_argument(info.offset < memory.bytes);
  log_event("mapped to an array", array, memory.bytes - info.offset);
}

CUresult map_arrays(const char* name, const CUarrayMapInfo* infos, unsigned count, CUstream stream, bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(infos != nullptr && count != 0);
    call.number("stream", stream_of(stream, per_thread).id).number("maps", count);
    for (unsigned i = 0; i < count; ++i) map_or_unmap(infos[i]);
  });
}

}  // namespace

SIMCUDA_TWO_FORMS(cuMemMapArrayAsync, _ptsz, (CUarrayMapInfo * infos, unsigned count, CUstream stream),
                  map_arrays(name_of_call, infos, count, stream, per_thread))

}  // namespace simcuda
