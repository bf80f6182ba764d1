// cuGetProcAddress and what the driver does not do.
#include "driver.h"
#include "entry_points.h"

namespace simcuda {
namespace {

// `call` is the function itself, `name` what it is asked for.
CUresult get_proc_address(const char* call, const char* name, void** function, int version, cuuint64_t flags,
                          CUdriverProcAddressQueryResult* status) {
  if (name == nullptr || function == nullptr) return refused(call, CUDA_ERROR_INVALID_VALUE);
  const bool per_thread = (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0;
  const FoundEntryPoint found = find_entry_point(name, version, per_thread, settings().version);
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
