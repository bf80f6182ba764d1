#include "runtime/symbol_look_up.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>

#include "core/elf_image.h"
#include "cuda/driver.h"
#include "cuda/hooks.h"
#include "runtime/loader_functions.h"
#include "runtime/program_allocator.h"

namespace weir::runtime {
namespace {

using cuda::Entry;

// What the program started with, itself first. These are never unloaded, so their list may be walked.
link_map* first_of_start;
const link_map* last_of_start;

const link_map* weir_module() { return core::module_at(reinterpret_cast<const void*>(&symbol_instead)); }

bool is_in_list_from(const link_map* module, const link_map* last) {
  for (; last != nullptr; last = last->l_prev) {
    if (last == module) return true;
  }
  return false;
}

bool was_loaded_at_start(const link_map* module) { return is_in_list_from(module, last_of_start); }

// The first in the global scope. By RTLD_DEFAULT the loader would keep its library loaded for Weir's sake.
void* global_definition(const char* name) { return look_up_quietly(first_of_start, name); }

// Among the libraries that were opened with the module. What the program started with has the global scope only, and no list of its
// own for the loader to search.
void* definition_among(const link_map* module, const char* name) {
  if (module == nullptr || was_loaded_at_start(module)) return nullptr;
  return look_up_quietly(const_cast<link_map*>(module), name);
}

// No other library stands before the driver for this name of its.
bool is_driver_global(Entry entry) {
  const void* version = global_definition("cuDriverGetVersion");
  return version != nullptr && core::module_at(version) == core::module_at(cuda::driver_function(entry));
}

// Of what the program started with, behind `module`.
void* definition_behind(const link_map* module, const char* name) {
  while (module != last_of_start) {
    module = module->l_next;
    if (module == weir_module()) continue;
    if (void* definition = core::ElfImage(*module).function(name)) return definition;
  }
  return nullptr;
}

// A library that was opened later searches what it brought along, all others the global scope from their own place on.
void* next_definition(Entry entry, const link_map* module) {
  const char* name = cuda::entry_name(entry);
  if (!was_loaded_at_start(module)) {
    void* definition = definition_among(module, name);
    return definition != nullptr && core::module_at(definition) == module ? nullptr : definition;
  }
  if (void* definition = definition_behind(module, name)) return definition;
  void* first = global_definition(name);
  if (first != nullptr && !was_loaded_at_start(core::module_at(first))) return first;
  void* drivers = cuda::driver_function(entry);
  return was_loaded_at_start(core::module_at(drivers)) || !is_driver_global(entry) ? nullptr : drivers;
}

// The driver's function where the loader is going to answer with that; otherwise anything.
void* expected_definition(void* handle, Entry entry, const void* caller) {
  const char* name = cuda::entry_name(entry);
  const link_map* module = core::module_at(caller);
  if (handle == RTLD_NEXT) return next_definition(entry, module);
  if (handle != RTLD_DEFAULT) return look_up_quietly(handle, name);
  // Keeps its library loaded, as it would for the program's sake.
  void* global = look_up_quietly(RTLD_DEFAULT, name);
  return global != nullptr ? global : definition_among(module, name);
}

// A preload's behind Weir: references to it are bound to Weir's export, and it has one address, however a program comes to it.
bool is_reached_by_export(void* definition, Entry entry) {
  return was_loaded_at_start(core::module_at(definition)) && definition == cuda::function_behind_export(entry);
}

}  // namespace

void* symbol_instead(void* handle, const char* name, const void* caller) {
  const Entry entry = cuda::find_entry(name);
  if (entry == Entry::count || libc_dlsym() == nullptr || !cuda::bind_driver()) return nullptr;
  find_loader_functions();
  if (last_of_start == nullptr) note_modules_of_start();  // asked by another library's constructor ahead of Weir's
  if (weir_next_dlsym != libc_dlsym()) {  // another library's, which looks itself like the caller to the loader
    void* definition = weir_next_dlsym(handle, name);
    return definition == nullptr ? kNoSuchSymbol : cuda::hook_instead_of(definition);
  }
  void* definition = expected_definition(handle, entry, caller);
  if (definition == nullptr) return nullptr;
  if (cuda::entry_at(definition) != Entry::count) return cuda::hook_instead_of(definition);
  return is_reached_by_export(definition, entry) ? cuda::export_of(entry) : nullptr;
}

bool finds_libcs(void* handle, const char* name, const void* caller) {
  if (handle == RTLD_NEXT || handle == RTLD_DEFAULT || libc_dlsym() == nullptr) return false;
  const ProgramAllocator brought = what_program_brings();
  if (brought == ProgramAllocator::unknown || brought == ProgramAllocator::present) return false;
  const link_map* module = core::module_at(caller);
  if (module == nullptr) return false;
  const bool is_ahead = is_in_list_from(module, weir_module());
  if (!is_ahead && core::ElfImage(*module).function(name) != nullptr) return false;  // guard: own-wrapper
  const void* definition = look_up_quietly(handle, name);
  return definition != nullptr && core::module_at(definition) == libc_module();
}

void* definition_of_start(const char* name) {
  if (last_of_start == nullptr) return nullptr;
  for (const link_map* module = weir_module(); module != last_of_start;) {
    module = module->l_next;
    const core::ElfImage image(*module);
    void* definition = image.function(name);
    if (definition != nullptr && !cuda::is_driver_name(image.soname())) return definition;
  }
  return nullptr;
}

void* own_look_up_instead(const char* name, const void* caller, const OwnLookUps& own) {
  const link_map* module = core::module_at(caller);
  if (module == nullptr || !is_in_list_from(module, weir_module())) return nullptr;
  if (strcmp(name, "dlsym") == 0) return own.dlsym;
  return strcmp(name, "dlvsym") == 0 ? own.dlvsym : nullptr;
}

void note_modules_of_start() {
  first_of_start = const_cast<link_map*>(weir_module());
  last_of_start = first_of_start;
  while (first_of_start->l_prev != nullptr) first_of_start = first_of_start->l_prev;
  while (last_of_start->l_next != nullptr) last_of_start = last_of_start->l_next;
}

}  // namespace weir::runtime
