// What nvcc's generated code calls: it registers each module, kernel and variable of a program, and launches by the address of the
// host function that stands for a kernel.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "driver_functions.h"

namespace simcudart {
namespace {

const DriverFunctions& d = driver_functions;

struct FatBinary {
  const void* data;
  CUlibrary library;  // nullptr: not loaded yet
};
struct Kernel {
  FatBinary* binary;
  std::string name;
};
struct Variable {
  FatBinary* binary;
  std::string name;
  size_t bytes;
  void** managed;  // nullptr: it is none
};

struct Registered {
  std::mutex mutex;
  std::map<const void*, Kernel> kernels;
  std::map<const void*, Variable> variables;
};
Registered& registered() {
  static auto* const all = new Registered;
  return *all;
}

CUlibrary library_of(FatBinary& binary) {
  if (binary.library == nullptr) {
    d.cuLibraryLoadData(&binary.library, binary.data, nullptr, nullptr, 0, nullptr, nullptr, 0);
  }
  return binary.library;
}

CUresult launch(const void* host_function, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                cudaStream_t stream, int form) {
  CUfunction function = nullptr;
  {
    const std::lock_guard guard(registered().mutex);
    const auto found = registered().kernels.find(host_function);
    if (found == registered().kernels.end()) return static_cast<CUresult>(cudaErrorInvalidDeviceFunction);
    CUkernel kernel = nullptr;
    CUresult result = d.cuLibraryGetKernel(&kernel, library_of(*found->second.binary), found->second.name.c_str());
    if (result == CUDA_SUCCESS) result = d.cuKernelGetFunction(&function, kernel);
    if (result != CUDA_SUCCESS) return result;
  }
  return d.cuLaunchKernel[form](function, grid.x, grid.y, grid.z, block.x, block.y, block.z,
                                static_cast<unsigned>(shared_bytes), reinterpret_cast<CUstream>(stream), arguments,
                                nullptr);
}

CUresult address_of_variable(void** pointer, const void* symbol) {
  const std::lock_guard guard(registered().mutex);
  const auto found = registered().variables.find(symbol);
  if (found == registered().variables.end()) return static_cast<CUresult>(cudaErrorInvalidSymbol);
  const Variable& variable = found->second;
  return d.cuLibraryGetGlobal(reinterpret_cast<CUdeviceptr*>(pointer), nullptr, library_of(*variable.binary),
                              variable.name.c_str());
}

struct Configuration {
  dim3 grid, block;
  size_t shared_bytes;
  cudaStream_t stream;
};
std::vector<Configuration>& configurations() {
  static thread_local std::vector<Configuration> pushed;
  return pushed;
}

}  // namespace

SIMCUDART_TWO_FORMS(cudaLaunchKernel, _ptsz,
                    (const void* function, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                     cudaStream_t stream),
                    launch(function, grid, block, arguments, shared_bytes, stream, form))
SIMCUDART_TWO_FORMS(__cudaLaunchKernel, _ptsz,
                    (cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                     cudaStream_t stream),
                    launch(kernel, grid, block, arguments, shared_bytes, stream, form))

SIMCUDART_EXPORT cudaError_t cudaGetSymbolAddress(void** pointer, const void* symbol) {
  return with_context([&] { return address_of_variable(pointer, symbol); });
}
SIMCUDART_TWO_FORMS(cudaMemcpyToSymbol, _ptds,
                    (const void* symbol, const void* from, size_t bytes, size_t offset, cudaMemcpyKind), [&] {
                      void* pointer = nullptr;
                      const CUresult result = address_of_variable(&pointer, symbol);
                      if (result != CUDA_SUCCESS) return result;
                      return d.cuMemcpy[form](device_pointer(pointer) + offset, device_pointer(from), bytes);
                    }())
SIMCUDART_TWO_FORMS(cudaMemcpyFromSymbol, _ptds,
                    (void* to, const void* symbol, size_t bytes, size_t offset, cudaMemcpyKind), [&] {
                      void* pointer = nullptr;
                      const CUresult result = address_of_variable(&pointer, symbol);
                      if (result != CUDA_SUCCESS) return result;
                      return d.cuMemcpy[form](device_pointer(to), device_pointer(pointer) + offset, bytes);
                    }())

SIMCUDART_EXPORT void** __cudaRegisterFatBinary(void* data) {
  return reinterpret_cast<void**>(new FatBinary{data, nullptr});
}
SIMCUDART_EXPORT void __cudaRegisterFatBinaryEnd(void**) {}
SIMCUDART_EXPORT void __cudaUnregisterFatBinary(void** handle) {
  auto* const binary = reinterpret_cast<FatBinary*>(handle);
  if (binary->library != nullptr) d.cuLibraryUnload(binary->library);
  binary->library = nullptr;
}
SIMCUDART_EXPORT void __cudaRegisterFunction(void** handle, const char* host_function, char*, const char* name, int,
                                             void*, void*, void*, void*, int*) {
  const std::lock_guard guard(registered().mutex);
  registered().kernels[host_function] = {reinterpret_cast<FatBinary*>(handle), name};
}
SIMCUDART_EXPORT void __cudaRegisterVar(void** handle, char* host_variable, char*, const char* name, int, size_t bytes,
                                        int, int) {
  const std::lock_guard guard(registered().mutex);
  registered().variables[host_variable] = {reinterpret_cast<FatBinary*>(handle), name, bytes, nullptr};
}
SIMCUDART_EXPORT void __cudaRegisterManagedVar(void** handle, void** host_variable, char*, const char* name, int,
                                               size_t bytes, int, int) {
  const std::lock_guard guard(registered().mutex);
  registered().variables[host_variable] = {reinterpret_cast<FatBinary*>(handle), name, bytes, host_variable};
}
SIMCUDART_EXPORT char __cudaInitModule(void** handle) {
  if (ensure_context() != cudaSuccess) return 0;
  const std::lock_guard guard(registered().mutex);
  for (auto& [symbol, variable] : registered().variables) {
    if (variable.binary != reinterpret_cast<FatBinary*>(handle) || variable.managed == nullptr) continue;
    if (*variable.managed != nullptr) continue;
    d.cuLibraryGetManaged(reinterpret_cast<CUdeviceptr*>(variable.managed), nullptr, library_of(*variable.binary),
                          variable.name.c_str());
  }
  return 1;
}
SIMCUDART_EXPORT unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, CUstream_st* stream) {
  configurations().push_back({grid, block, shared_bytes, stream});
  return 0;
}
SIMCUDART_EXPORT cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes, void* stream) {
  if (configurations().empty()) return note(cudaErrorMissingConfiguration);
  const Configuration popped = configurations().back();
  configurations().pop_back();
  *grid = popped.grid;
  *block = popped.block;
  *shared_bytes = popped.shared_bytes;
  *static_cast<cudaStream_t*>(stream) = popped.stream;
  return cudaSuccess;
}
// A kernel's handle is the address of its host function.
SIMCUDART_EXPORT cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host_function) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(host_function));
  return cudaSuccess;
}
SIMCUDART_EXPORT cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, cudaChannelFormatKind kind) {
  return {x, y, z, w, kind};
}

}  // namespace simcudart
