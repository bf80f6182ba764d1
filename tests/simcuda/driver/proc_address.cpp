// cuGetProcAddress and what the driver does not do.
#include <cstring>

#include "driver.h"

// By assembler name, free of what the header declares.
#define SIMCUDA_ENTRY_POINT(name, version, per_thread, symbol) extern "C" char simcuda_##symbol[] __asm__(#symbol);
#include "entry_points.inc"
#undef SIMCUDA_ENTRY_POINT

namespace simcuda {
namespace {

struct EntryPoint {
  const char* name;
  int version;
  bool per_thread;
  void* function;
};

constexpr EntryPoint kEntryPoints[] = {
#define SIMCUDA_ENTRY_POINT(name, version, per_thread, symbol) {name, version, per_thread, simcuda_##symbol},
#include "entry_points.inc"
#undef SIMCUDA_ENTRY_POINT
};

// Of the newest version up to `version`, where the driver is not older than it.
struct Found {
  const EntryPoint* entry = nullptr;
  bool is_known_name = false;
};
Found find(const char* name, int version, bool per_thread) {
  Found found;
  for (const EntryPoint& entry : kEntryPoints) {
    if (entry.per_thread != per_thread || strcmp(entry.name, name) != 0) continue;
    if (entry.version > settings().version) continue;
    found.is_known_name = true;
    if (entry.version <= version && (found.entry == nullptr || entry.version > found.entry->version)) {
      found.entry = &entry;
    }
  }
  return found;
}

// `call` is the function itself, `name` what it is asked for.
CUresult get_proc_address(const char* call, const char* name, void** function, int version, cuuint64_t flags,
                          CUdriverProcAddressQueryResult* status) {
  if (name == nullptr || function == nullptr) return refused(call, CUDA_ERROR_INVALID_VALUE);
  Found found;
  if ((flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0) found = find(name, version, true);
  if (found.entry == nullptr) {
    const bool was_known = found.is_known_name;
    found = find(name, version, false);
    found.is_known_name |= was_known;
  }
  *function = found.entry != nullptr ? found.entry->function : nullptr;
  if (status != nullptr) {
    *status = found.entry != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS
              : found.is_known_name  ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                     : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  return Call(call).text("name", name).end(found.entry != nullptr ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND);
}

}  // namespace

SIMCUDA_EXPORT CUresult cuGetProcAddress(const char* name, void** function, int version, cuuint64_t flags) {
  return get_proc_address("cuGetProcAddress", name, function, version, flags, nullptr);
}
SIMCUDA_EXPORT CUresult cuGetProcAddress_v2(const char* name, void** function, int version, cuuint64_t flags,
                                            CUdriverProcAddressQueryResult* status) {
  return get_proc_address("cuGetProcAddress_v2", name, function, version, flags, status);
}

// A private interface of NVIDIA's own, which is not to be imitated: the real runtime refuses a driver without it.
SIMCUDA_EXPORT CUresult cuGetExportTable(const void** table, const CUuuid*) {
  if (table != nullptr) *table = nullptr;
  return refused("cuGetExportTable", CUDA_ERROR_NOT_FOUND);
}

extern "C" CUresult simcuda_unimplemented(const char* name) {
  return Call(name).text("unimplemented", "yes").end(CUDA_ERROR_NOT_SUPPORTED);
}

}  // namespace simcuda
