#include "runtime/host_symbols.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/elf_image.h"
#include "runtime/loader_functions.h"

extern "C" __attribute__((visibility("hidden"))) const char own_image_start asm("__ehdr_start");

namespace weir::runtime {
namespace {

constexpr size_t kSymbols = static_cast<size_t>(HostSymbol::count);

constexpr const char* kNames[kSymbols] = {
#define WEIR_HOST_SYMBOL(name) #name,
    WEIR_HOST_SYMBOLS(WEIR_HOST_SYMBOL)
#undef WEIR_HOST_SYMBOL
};

std::atomic<void*> found[kSymbols];

// Modules behind it were opened later, and may be closed while others look through the list. nullptr before the constructor.
std::atomic<const link_map*> last_at_start;

void remember_modules_at_start() {
  const link_map* module = core::module_at(&own_image_start);
  while (module != nullptr && module->l_next != nullptr) module = module->l_next;
  last_at_start.store(module, std::memory_order_release);
}

// Where libweir itself is not in the global scope RTLD_NEXT may lead back to it. Not by dladdr, which looks for the name of each
// address in a whole symbol table: most of the time of a start.
bool is_own(void* definition) {
  dl_find_object there, here;
  return _dl_find_object(definition, &there) == 0 && _dl_find_object(const_cast<char*>(&own_image_start), &here) == 0 &&
         there.dlfo_link_map == here.dlfo_link_map;
}

}  // namespace

void* find_host_symbol(const char* name) {
  void* definition = look_up_quietly(RTLD_NEXT, name);
  return definition == nullptr || is_own(definition) ? nullptr : definition;
}

// Without the loader: its lock may be held by a thread whose library's constructor waits for this one.
void* find_symbol_before_weir(const char* name) {
  void* first = nullptr;
  const link_map* module = core::module_at(&own_image_start);
  if (module == nullptr) return nullptr;
  for (module = module->l_prev; module != nullptr; module = module->l_prev) {
    void* definition = core::ElfImage(*module).function(name);
    if (definition != nullptr) first = definition;
  }
  return first;
}

void* find_symbol_after_weir(const char* name) {
  const link_map* module = core::module_at(&own_image_start);
  const link_map* last = last_at_start.load(std::memory_order_acquire);
  while (module != nullptr && module != last) {
    module = module->l_next;
    void* definition = module == nullptr ? nullptr : core::ElfImage(*module).function(name);
    if (definition != nullptr) return definition;
  }
  return nullptr;
}

void* host_symbol(HostSymbol symbol) {
  const auto index = static_cast<size_t>(symbol);
  void* definition = found[index].load(std::memory_order_acquire);
  if (definition == nullptr) {
    definition = find_host_symbol(kNames[index]);
    if (definition != nullptr) found[index].store(definition, std::memory_order_release);
  }
  return definition;
}

void* known_host_symbol(HostSymbol symbol) {
  return found[static_cast<size_t>(symbol)].load(std::memory_order_acquire);
}

void resolve_host_symbols() {
  remember_modules_at_start();
  for (size_t index = 0; index < kSymbols; ++index) host_symbol(static_cast<HostSymbol>(index));
}

}  // namespace weir::runtime
