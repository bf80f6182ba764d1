#include "runtime/absent_driver.h"

#include "cuda/driver.h"
#include "cuda/hooks.h"
#include "runtime/module_relocations.h"

namespace weir::runtime {
namespace {

bool is_weak_entry(const ElfW(Sym) & symbol, const char* name) {
  return ELF64_ST_BIND(symbol.st_info) == STB_WEAK && cuda::find_entry(name) != cuda::Entry::count;
}

bool refers_weakly(const ModuleRelocations& module) {
  const size_t end = module.undefined_symbol_end();
  if (end == ModuleRelocations::kUnknown) return true;
  for (size_t i = 0; i < end; ++i) {
    const ElfW(Sym)& symbol = module.symbols[i];
    if (is_weak_entry(symbol, module.names + symbol.st_name)) return true;
  }
  return false;
}

int visit_module(dl_phdr_info* info, size_t, void*) {
  const ModuleRelocations module(*info);
  if (!refers_weakly(module)) return 0;
  for_each_function_slot(module, [&](uintptr_t slot, const ElfW(Sym) & symbol, const char* name) {
    if (!is_weak_entry(symbol, name)) return;
    const void* bound_to = *reinterpret_cast<void* const*>(slot);
    if (bound_to == cuda::export_of(cuda::find_entry(name))) write_function_slot(module, slot, nullptr);
  });
  return 0;
}

}  // namespace

void hide_exports_without_driver() {
  if (!cuda::bind_driver()) dl_iterate_phdr(&visit_module, nullptr);
}

}  // namespace weir::runtime
