#include "driver_functions.h"

#include <dlfcn.h>

#include <mutex>
#include <vector>

namespace simcudart {

constinit DriverFunctions driver_functions;

namespace {

DriverFunctions& functions = driver_functions;
std::once_flag load_once;
cudaError_t load_error = cudaSuccess;
thread_local cudaError_t last_error = cudaSuccess;
thread_local int device = 0;

// By device; nullptr: not retained.
std::mutex& primary_mutex() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}
std::vector<CUcontext>& primary_contexts() {
  static auto* const all = new std::vector<CUcontext>;
  return *all;
}

template <class Function>
void fetch(Function& function, const char* name, int version, cuuint64_t flags) {
  void* found = nullptr;
  functions.get_proc_address(name, &found, version, flags, nullptr);
  function = reinterpret_cast<Function>(found);
}

void load() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW);
  void* const get = library == nullptr ? nullptr : dlsym(library, "cuGetProcAddress_v2");
  if (get == nullptr) {
    load_error = cudaErrorInsufficientDriver;
    return;
  }
  functions.get_proc_address = reinterpret_cast<PFN_cuGetProcAddress_v12000>(get);
#define X(name, version) fetch(functions.name, #name, version, 0);
  WEIR_DRIVER_FUNCTIONS(X)
#undef X
#define X(name, version, per_thread, number)   \
  fetch(functions.name[0], #name, version, 0); \
  fetch(functions.name[1], #name, number, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM);
  WEIR_DRIVER_STREAM_FUNCTIONS(X)
#undef X
  load_error = static_cast<cudaError_t>(functions.cuInit(0));
  if (load_error != cudaSuccess) return;
  int count = 0;
  functions.cuDeviceGetCount(&count);
  primary_contexts().resize(static_cast<size_t>(count));
}

CUresult make_current() {
  const std::lock_guard guard(primary_mutex());
  CUcontext& primary = primary_contexts()[static_cast<size_t>(device)];
  if (primary == nullptr) {
    if (const CUresult result = functions.cuDevicePrimaryCtxRetain(&primary, device); result != CUDA_SUCCESS) {
      return result;
    }
  }
  return functions.cuCtxSetCurrent(primary);
}

}  // namespace

cudaError_t load_driver() {
  std::call_once(load_once, load);
  return load_error;
}

cudaError_t ensure_context() {
  if (const cudaError_t error = load_driver(); error != cudaSuccess) return error;
  CUcontext current = nullptr;
  functions.cuCtxGetCurrent(&current);
  return current != nullptr ? cudaSuccess : static_cast<cudaError_t>(make_current());
}

cudaError_t note(CUresult result) {
  if (result != CUDA_SUCCESS) last_error = static_cast<cudaError_t>(result);
  return static_cast<cudaError_t>(result);
}

SIMCUDART_EXPORT cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}
SIMCUDART_EXPORT cudaError_t cudaPeekAtLastError() { return last_error; }

SIMCUDART_EXPORT cudaError_t cudaGetDevice(int* chosen) {
  if (const cudaError_t error = load_driver(); error != cudaSuccess) return note(error);
  *chosen = device;
  return cudaSuccess;
}

SIMCUDART_EXPORT cudaError_t cudaSetDevice(int chosen) {
  if (const cudaError_t error = load_driver(); error != cudaSuccess) return note(error);
  if (chosen < 0 || static_cast<size_t>(chosen) >= primary_contexts().size()) return note(cudaErrorInvalidDevice);
  device = chosen;
  return note(make_current());
}

SIMCUDART_EXPORT cudaError_t cudaDeviceReset() {
  if (const cudaError_t error = load_driver(); error != cudaSuccess) return note(error);
  const std::lock_guard guard(primary_mutex());
  CUcontext& primary = primary_contexts()[static_cast<size_t>(device)];
  const CUresult result = functions.cuDevicePrimaryCtxReset(device);
  if (primary != nullptr) functions.cuDevicePrimaryCtxRelease(device);
  primary = nullptr;
  functions.cuCtxSetCurrent(nullptr);
  return note(result);
}

}  // namespace simcudart
