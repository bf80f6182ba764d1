#include "runtime/host_symbols.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

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

void* find_symbol_before_weir(const char* name) {
  void* definition = look_up_quietly(RTLD_DEFAULT, name);
  Dl_info info{};
  void* entry = nullptr;
  if (definition == nullptr || is_own(definition) || definition == look_up_quietly(RTLD_NEXT, name)) return nullptr;
  if (dladdr1(definition, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr) return nullptr;
  // A program at a fixed address that takes a function's address has an entry of that name that is no definition.
  return static_cast<const ElfW(Sym)*>(entry)->st_shndx == SHN_UNDEF ? nullptr : definition;
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
  for (size_t index = 0; index < kSymbols; ++index) host_symbol(static_cast<HostSymbol>(index));
}

}  // namespace weir::runtime
