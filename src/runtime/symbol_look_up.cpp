#include "runtime/symbol_look_up.h"

#include <dlfcn.h>
#include <link.h>

#include "core/elf_image.h"
#include "cuda/driver.h"
#include "cuda/hooks.h"
#include "runtime/host_symbols.h"
#include "runtime/loader_functions.h"

namespace weir::runtime {
namespace {

using cuda::Entry;

// What Weir's exports hide: the definition in the global scope behind them.
void* global_definition(Entry entry) { return find_host_symbol(cuda::entry_name(entry)); }

void* instead_of(void* definition, Entry entry) {
  cuda::bind_driver();
  return cuda::entry_at(definition) == Entry::count ? cuda::hook_of(entry) : cuda::hook_instead_of(definition);
}

bool is_export(const void* definition, Entry entry) { return definition == cuda::export_of(entry); }

// dlsym(RTLD_DEFAULT): the global scope, then the libraries that the caller's own brought along.
void* default_symbol(Entry entry, const void* caller) {
  const LookUp look_up = libc_dlsym();
  const char* name = cuda::entry_name(entry);
  if (find_symbol_before_weir(name) != nullptr) return nullptr;
  if (void* global = global_definition(entry)) return instead_of(global, entry);
  const link_map* module = core::module_at(caller);
  void* local = module == nullptr ? nullptr : look_up(const_cast<link_map*>(module), name);
  if (local != nullptr && !is_export(local, entry)) return instead_of(local, entry);
  global_definition(entry);  // fails once more, for dlerror()
  return kNoSuchSymbol;
}

bool comes_before_weir(const link_map* module) {
  const link_map* weir = core::module_at(reinterpret_cast<const void*>(&symbol_instead));
  for (const link_map* other = weir; other != nullptr; other = other->l_prev) {
    if (other == module) return true;
  }
  return false;
}

// dlsym(RTLD_NEXT): only who stands before Weir meets its exports.
void* next_symbol(Entry entry, const void* caller) {
  const link_map* module = core::module_at(caller);
  if (module == nullptr || !comes_before_weir(module)) return nullptr;
  return global_definition(entry) == nullptr ? kNoSuchSymbol : nullptr;
}

// Among the libraries of a handle.
void* symbol_of_handle(void* handle, const char* name, Entry entry, const void* caller) {
  find_loader_functions();
  void* definition = weir_next_dlsym(handle, name);  // perhaps another library's, with a mind of its own
  if (definition == nullptr) return nullptr;
  if (is_export(definition, entry)) return default_symbol(entry, caller);  // the handle of the program itself
  cuda::bind_driver();
  return cuda::entry_at(definition) == Entry::count ? nullptr : cuda::hook_instead_of(definition);
}

}  // namespace

void* symbol_instead(void* handle, const char* name, const void* caller) {
  const Entry entry = cuda::find_entry(name);
  if (entry == Entry::count || libc_dlsym() == nullptr) return nullptr;
  if (handle == RTLD_DEFAULT) return default_symbol(entry, caller);
  if (handle == RTLD_NEXT) return next_symbol(entry, caller);
  return symbol_of_handle(handle, name, entry, caller);
}

}  // namespace weir::runtime
