#include "runtime/new_failure.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "core/guard.h"
#include "core/print.h"
#include "runtime/host_symbols.h"

namespace weir::runtime {
namespace {

using NewHandler = void (*)();

// In the scope of the module that called: a libstdc++ loaded with RTLD_LOCAL is not in the global one.
void* find_in_scope_of(uintptr_t caller, const char* name) {
  dl_find_object object{};
  if (_dl_find_object(reinterpret_cast<void*>(caller), &object) != 0) return nullptr;
  void* module = dlopen(object.dlfo_link_map->l_name, RTLD_NOLOAD | RTLD_LAZY);
  if (module == nullptr) return nullptr;
  void* symbol = dlsym(module, name);
  dlclose(module);  // still loaded: it is running
  return symbol;
}

void* find_cxx_symbol(const char* name, uintptr_t caller) {
  core::Guard guard;  // the loader allocates
  void* symbol = find_host_symbol(name);
  return symbol != nullptr ? symbol : find_in_scope_of(caller, name);
}

[[noreturn]] void throw_bad_alloc(uintptr_t caller) {
  auto* thrower = reinterpret_cast<void (*)()>(find_cxx_symbol("_ZSt17__throw_bad_allocv", caller));
  if (thrower != nullptr) thrower();
  core::print_line("out of memory in operator new, and no libstdc++ found to throw std::bad_alloc");
  abort();
}

}  // namespace

void handle_new_failure(uintptr_t caller) {
  auto* get_handler = reinterpret_cast<NewHandler (*)()>(find_cxx_symbol("_ZSt15get_new_handlerv", caller));
  const NewHandler handler = get_handler == nullptr ? nullptr : get_handler();
  if (handler == nullptr) throw_bad_alloc(caller);
  handler();
}

void* find_host_nothrow_new(const char* mangled_name, uintptr_t caller) {
  return find_cxx_symbol(mangled_name, caller);
}

}  // namespace weir::runtime
