#include "runtime/deep_binding.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>

#include "runtime/host_symbols.h"
#include "runtime/module_relocations.h"

namespace weir::runtime {
namespace {

constexpr size_t kMaxHeapFunctions = 16;
constexpr size_t kNone = SIZE_MAX;

struct Rebinding {
  uintptr_t first_base;  // the library's; what it brought along comes after it in the loader's list
  bool reached;
  const HeapFunction* functions;
  size_t count;
  void* next_definitions[kMaxHeapFunctions];  // what the library finds instead, looked up ahead of the loader's lock
};

size_t find_function(const Rebinding& rebinding, const char* name) {
  for (size_t i = 0; i < rebinding.count; ++i) {
    if (strcmp(rebinding.functions[i].name, name) == 0) return i;
  }
  return kNone;
}

// A slot that leads into the libc, or is still to be bound and leads into the module itself, is led to `definition`; one that
// leads elsewhere has an allocator of the library's own behind it.
bool is_libcs_or_unbound(const void* libcs, uintptr_t slot, const AddressRange& module) {
  const void* target = *reinterpret_cast<void**>(slot);
  return target == libcs || module.contains(reinterpret_cast<uintptr_t>(target));
}

void rebind_module(const Rebinding& rebinding, const ModuleRelocations& module) {
  for_each_function_slot(module, [&](uintptr_t slot, const ElfW(Sym)&, const char* name) {
    const size_t function = find_function(rebinding, name);
    if (function == kNone || !is_libcs_or_unbound(rebinding.next_definitions[function], slot, module.image)) return;
    write_function_slot(module, slot, rebinding.functions[function].definition);
  });
}

// Under the loader's lock: no module comes or goes meanwhile.
int visit_module(dl_phdr_info* module, size_t, void* context) {
  auto& rebinding = *static_cast<Rebinding*>(context);
  rebinding.reached = rebinding.reached || module->dlpi_addr == rebinding.first_base;
  if (!rebinding.reached) return 0;
  const ModuleRelocations relocations(*module);
  if (relocations.symbols != nullptr) rebind_module(rebinding, relocations);
  return 0;
}

bool has_search_path(uintptr_t caller) {
  Dl_info info{};
  void* map = nullptr;
  if (dladdr1(reinterpret_cast<void*>(caller), &info, &map, RTLD_DL_LINKMAP) == 0 || map == nullptr) return false;
  for (const ElfW(Dyn)* entry = static_cast<link_map*>(map)->l_ld; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH) return true;
  }
  return false;
}

}  // namespace

bool must_rebind(const char* path, int flags, uintptr_t caller) {
  if ((flags & RTLD_DEEPBIND) == 0 || path == nullptr) return false;
  if (strchr(path, '$') != nullptr) return false;  // $ORIGIN is the caller's
  return strchr(path, '/') != nullptr || !has_search_path(caller);
}

void* open_and_rebind(const char* path, int flags, const HeapFunction* functions, size_t count) {
  void* handle = host_dlopen()(path, flags);
  if (handle == nullptr) return nullptr;
  Rebinding rebinding{static_cast<link_map*>(handle)->l_addr, false, functions, count, {}};
  for (size_t i = 0; i < count; ++i) rebinding.next_definitions[i] = find_host_symbol(functions[i].name);
  dl_iterate_phdr(&visit_module, &rebinding);
  return handle;
}

}  // namespace weir::runtime
