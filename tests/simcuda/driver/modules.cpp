// Modules, libraries, and kernels. What is in a module is not read: any name that is asked for is there, and a variable's memory is
// made when it is asked for, as large as kVariableBytes unless the program's own copy says.
#include "modules.h"

#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

#include "block.h"
#include "graph.h"
#include "kernels.h"

namespace simcuda {
namespace {

constexpr size_t kVariableBytes = 65536;
// More than any kernel's arguments take.
constexpr size_t kMostArguments = 64;

struct Kernel {
  std::string name;
  KernelFunction function;  // nullptr: it does nothing
  unsigned arguments;       // of the function
};

// A module, or a library.
struct Module {
  Context* context;  // nullptr: of a library, of the context that is current when a variable is asked for
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
  std::map<std::pair<Context*, std::string>, uintptr_t> variables;
};

std::map<void*, std::unique_ptr<Module>>& modules() {
  static auto* const all = new std::map<void*, std::unique_ptr<Module>>;
  return *all;
}

std::set<const void*>& kernels() {
  static auto* const all = new std::set<const void*>;
  return *all;
}

Module& module_of(void* handle) { return at_handle(modules(), handle, CUDA_ERROR_INVALID_HANDLE); }

// A symbol of the library with host functions, or of the program.
void* find_symbol(const std::string& symbol) {
  const std::string& file = settings().kernels_file;
  static void* const library = file.empty() ? nullptr : dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const found = library == nullptr ? nullptr : dlsym(library, symbol.c_str());
  return found != nullptr ? found : dlsym(RTLD_DEFAULT, symbol.c_str());
}

Kernel make_kernel(const std::string& name) {
  const auto function = reinterpret_cast<KernelFunction>(find_symbol("simcuda_kernel_" + name));
  const auto* const arguments = static_cast<const unsigned*>(find_symbol("simcuda_arguments_" + name));
  if (function == nullptr || arguments == nullptr || *arguments > kMostArguments) return {name, nullptr, 0};
  return {name, function, *arguments};
}

CUresult load(const char* name, void** handle, bool is_library) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(handle != nullptr);
    forbid_while_capturing();
    auto module = std::make_unique<Module>(Module{is_library ? nullptr : &current_owner(), {}, {}});
    *handle = module.get();
    call.number("module", reinterpret_cast<uintptr_t>(module.get())).text("kind", is_library ? "library" : "module");
    call.number("device", static_cast<uint64_t>(current_context().device.ordinal));
    modules()[*handle] = std::move(module);
  });
}

void forget_kernels_of(const Module& module) {
  for (const auto& [name, kernel] : module.kernels) kernels().erase(kernel.get());
}

// What may use its variables.
Tickets work_on(const Module& module) {
  Tickets work;
  for (const auto& [variable, address] : module.variables) {
    const Tickets of_context = work_of(*variable.first);
    work.insert(work.end(), of_context.begin(), of_context.end());
  }
  return work;
}

CUresult unload(const char* name, void* handle) {
  return run(name, [&](Lock& lock, Call& call) {
    call.number("module", reinterpret_cast<uintptr_t>(handle));
    const Tickets work = work_on(module_of(handle));
    forbid_while_capturing();
    wait_for(lock, work);
    const Module& module = module_of(handle);
    for (const auto& [variable, address] : module.variables) {
      const Block* block = find_block_at(address);
      if (block == nullptr) continue;  // there was no memory for it
      log_event("freed with its module", address, block->bytes);
      free_block(*block);
    }
    forget_kernels_of(module);
    modules().erase(handle);
  });
}

Kernel* kernel_of(void* handle, const char* name) {
  require_argument(name != nullptr);
  std::unique_ptr<Kernel>& kernel = module_of(handle).kernels[name];
  if (kernel == nullptr) kernel = std::make_unique<Kernel>(make_kernel(name));
  kernels().insert(kernel.get());
  return kernel.get();
}

Block& make_variable(Context& context, Kind kind, AddressWidth width) {
  if (kind == Kind::managed) return allocate_on_host(context, kind, kVariableBytes, CU_MEM_ATTACH_GLOBAL);
  return allocate_on_device(context, kind, kVariableBytes, width);
}

// Any of the results may be null. An address that does not fit the caller's is none.
template <class Address, class Size>
CUresult get_variable(const char* call_name, Address* address, Size* bytes, void* handle, const char* name, Kind kind) {
  return run(call_name, [&](Lock&, Call& call) {
    require_argument(name != nullptr);
    Module& module = module_of(handle);
    Context& context = module.context != nullptr ? *module.context : current_owner();
    constexpr AddressWidth kWidth = sizeof(Address) == 4 ? AddressWidth::bits_32 : AddressWidth::bits_64;
    uintptr_t& at = module.variables[{&context, name}];
    if (at == 0) {
      const Block& made = make_variable(context, kind, kWidth);
      at = made.address;
      describe(call, made).number("module", reinterpret_cast<uintptr_t>(handle));
    }
    require_argument(at <= std::numeric_limits<Address>::max());
    if (address != nullptr) *address = static_cast<Address>(at);
    if (bytes != nullptr) *bytes = kVariableBytes;
  });
}

const Kernel& kernel_of(CUfunction function) {
  require(kernels().contains(function), CUDA_ERROR_INVALID_HANDLE);
  return *reinterpret_cast<const Kernel*>(function);
}

// The arguments' values are the caller's until the call returns: they are copied, as words, as their sizes are in no module.
Task task_of(const Kernel& kernel, const Shape& shape, void** arguments) {
  if (kernel.function == nullptr) {
    return [] { std::this_thread::sleep_for(std::chrono::microseconds(settings().kernel_microseconds)); };
  }
  std::vector<uint64_t> words(kernel.arguments);
  for (size_t i = 0; i < words.size(); ++i) memcpy(&words[i], arguments[i], sizeof words[i]);
  return [function = kernel.function, shape, words] {
    std::vector<uint64_t> values = words;
    std::vector<void*> pointers;
    for (uint64_t& value : values) pointers.push_back(&value);
    function(pointers.data(), shape.grid, shape.block);
  };
}

CUresult launch(const char* name, CUfunction function, const Shape& shape, CUstream stream, void** arguments,
                bool per_thread) {
  return run(name, [&](Lock& lock, Call& call) {
    Stream& in = stream_of(stream, per_thread);
    const Kernel& kernel = kernel_of(function);
    call.text("kernel", kernel.name).number("stream", in.id);
    submit(lock, in, CU_GRAPH_NODE_TYPE_KERNEL, task_of(kernel, shape, arguments));
  });
}

void** pointer_to(CUmodule* module) { return reinterpret_cast<void**>(module); }
void** pointer_to(CUlibrary* library) { return reinterpret_cast<void**>(library); }

}  // namespace

Task kernel_task(CUfunction function, const Shape& shape, void** arguments) {
  return task_of(kernel_of(function), shape, arguments);
}

void forget_modules_of(const Context& context) {
  std::erase_if(modules(), [&](const auto& entry) {
    Module& module = *entry.second;
    std::erase_if(module.variables, [&](const auto& variable) { return variable.first.first == &context; });
    if (module.context != &context) return false;
    log_event("freed with its context", reinterpret_cast<uintptr_t>(&module), 0);
    forget_kernels_of(module);
    return true;
  });
}

SIMCUDA_EXPORT CUresult cuModuleLoad(CUmodule* module, const char* file) {
  if (file != nullptr && access(file, R_OK) != 0) return refused("cuModuleLoad", CUDA_ERROR_FILE_NOT_FOUND);
  return load("cuModuleLoad", pointer_to(module), false);
}
SIMCUDA_EXPORT CUresult cuModuleLoadData(CUmodule* module, const void*) {
  return load("cuModuleLoadData", pointer_to(module), false);
}
SIMCUDA_EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void*, unsigned, CUjit_option*, void**) {
  return load("cuModuleLoadDataEx", pointer_to(module), false);
}
SIMCUDA_EXPORT CUresult cuModuleLoadFatBinary(CUmodule* module, const void*) {
  return load("cuModuleLoadFatBinary", pointer_to(module), false);
}
SIMCUDA_EXPORT CUresult cuModuleUnload(CUmodule module) { return unload("cuModuleUnload", module); }
SIMCUDA_EXPORT CUresult cuLibraryLoadData(CUlibrary* library, const void*, CUjit_option*, void**, unsigned,
                                          CUlibraryOption*, void**, unsigned) {
  return load("cuLibraryLoadData", pointer_to(library), true);
}
SIMCUDA_EXPORT CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* file, CUjit_option*, void**, unsigned,
                                              CUlibraryOption*, void**, unsigned) {
  if (file != nullptr && access(file, R_OK) != 0) return refused("cuLibraryLoadFromFile", CUDA_ERROR_FILE_NOT_FOUND);
  return load("cuLibraryLoadFromFile", pointer_to(library), true);
}
SIMCUDA_EXPORT CUresult cuLibraryUnload(CUlibrary library) { return unload("cuLibraryUnload", library); }

SIMCUDA_EXPORT CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  return run("cuModuleGetFunction", [&](Lock&, Call&) {
    require_argument(function != nullptr);
    *function = reinterpret_cast<CUfunction>(kernel_of(module, name));
  });
}
SIMCUDA_EXPORT CUresult cuLibraryGetKernel(CUkernel* kernel, CUlibrary library, const char* name) {
  return run("cuLibraryGetKernel", [&](Lock&, Call&) {
    require_argument(kernel != nullptr);
    *kernel = reinterpret_cast<CUkernel>(kernel_of(library, name));
  });
}
SIMCUDA_EXPORT CUresult cuLibraryGetModule(CUmodule* module, CUlibrary library) {
  return run("cuLibraryGetModule", [&](Lock&, Call&) {
    require_argument(module != nullptr);
    module_of(library);
    *module = reinterpret_cast<CUmodule>(library);
  });
}
SIMCUDA_EXPORT CUresult cuKernelGetFunction(CUfunction* function, CUkernel kernel) {
  return run("cuKernelGetFunction", [&](Lock&, Call&) {
    require_argument(function != nullptr);
    *function = reinterpret_cast<CUfunction>(kernel);
  });
}
SIMCUDA_EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule module, const char* name) {
  return get_variable("cuModuleGetGlobal_v2", address, bytes, module, name, Kind::global);
}
SIMCUDA_EXPORT CUresult cuModuleGetGlobal(CUdeviceptr_v1* address, unsigned* bytes, CUmodule module, const char* name) {
  return get_variable("cuModuleGetGlobal", address, bytes, module, name, Kind::global);
}
SIMCUDA_EXPORT CUresult cuLibraryGetGlobal(CUdeviceptr* address, size_t* bytes, CUlibrary library, const char* name) {
  return get_variable("cuLibraryGetGlobal", address, bytes, library, name, Kind::global);
}
SIMCUDA_EXPORT CUresult cuLibraryGetManaged(CUdeviceptr* address, size_t* bytes, CUlibrary library, const char* name) {
  return get_variable("cuLibraryGetManaged", address, bytes, library, name, Kind::managed);
}
// All code is there from the start.
SIMCUDA_EXPORT CUresult cuFuncLoad(CUfunction function) {
  return run("cuFuncLoad", [&](Lock&, Call&) { kernel_of(function); });
}
SIMCUDA_EXPORT CUresult cuFuncGetName(const char** name, CUfunction function) {
  return run("cuFuncGetName", [&](Lock&, Call&) {
    require_argument(name != nullptr);
    *name = kernel_of(function).name.c_str();
  });
}
SIMCUDA_EXPORT CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  return run("cuFuncGetAttribute", [&](Lock&, Call&) {
    require_argument(value != nullptr);
    kernel_of(function);
    *value = attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : 0;
  });
}
SIMCUDA_EXPORT CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute, int) {
  return run("cuFuncSetAttribute", [&](Lock&, Call&) { kernel_of(function); });
}

#define SIMCUDA_LAUNCH(suffix, per_thread)                                                                        \
  SIMCUDA_EXPORT CUresult cuLaunchKernel##suffix(                                                                 \
      CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, \
      unsigned block_z, unsigned, CUstream stream, void** arguments, void**) {                                    \
    const Shape shape{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}};                                     \
    return launch("cuLaunchKernel" #suffix, function, shape, stream, arguments, per_thread);                      \
  }                                                                                                               \
  SIMCUDA_EXPORT CUresult cuLaunchCooperativeKernel##suffix(                                                      \
      CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, \
      unsigned block_z, unsigned, CUstream stream, void** arguments) {                                            \
    const Shape shape{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}};                                     \
    return launch("cuLaunchCooperativeKernel" #suffix, function, shape, stream, arguments, per_thread);           \
  }                                                                                                               \
  SIMCUDA_EXPORT CUresult cuLaunchKernelEx##suffix(const CUlaunchConfig* configuration, CUfunction function,      \
                                                   void** arguments, void**) {                                    \
    if (configuration == nullptr) return refused("cuLaunchKernelEx" #suffix, CUDA_ERROR_INVALID_VALUE);           \
    const CUlaunchConfig& c = *configuration;                                                                     \
    const Shape shape{{c.gridDimX, c.gridDimY, c.gridDimZ}, {c.blockDimX, c.blockDimY, c.blockDimZ}};             \
    return launch("cuLaunchKernelEx" #suffix, function, shape, c.hStream, arguments, per_thread);                 \
  }
SIMCUDA_LAUNCH(, false)
SIMCUDA_LAUNCH(_ptsz, true)

}  // namespace simcuda
