#include "runtime/loader_functions.h"

#include <dlfcn.h>
#include <stddef.h>

#include <atomic>

#include "core/elf_image.h"
#include "core/guard.h"

// The libc's alone, so that its address tells where the libc is.
extern "C" void* __libc_malloc(size_t bytes);
extern "C" __attribute__((visibility("hidden"))) const char own_image_start asm("__ehdr_start");

void* (*weir_next_dlsym)(void*, const char*) = nullptr;
void* (*weir_next_dlvsym)(void*, const char*, const char*) = nullptr;

namespace weir::runtime {
namespace {

std::atomic<LookUp> own_look_up{nullptr};

struct Search {
  const char* name;
  bool passed_weir;
  void* found;
};

// In the loader's order: the first definition behind libweir.so.
int visit_module(dl_phdr_info* module, size_t, void* context) {
  auto& search = *static_cast<Search*>(context);
  const auto own_base = reinterpret_cast<uintptr_t>(&own_image_start);
  if (module->dlpi_addr == own_base) {
    search.passed_weir = true;
    return 0;
  }
  if (!search.passed_weir) return 0;
  search.found = core::ElfImage(*module).function(search.name);
  return search.found == nullptr ? 0 : 1;
}

void* next_function(const char* name) {
  Search search{name, false, nullptr};
  dl_iterate_phdr(&visit_module, &search);
  return search.found;
}

void* libc_function(const char* name) {
  const link_map* libc = libc_module();
  return libc == nullptr ? nullptr : core::ElfImage(*libc).function(name);
}

template <class Function>
void set_once(Function& slot, void* (*find)(const char*), const char* name) {
  if (__atomic_load_n(&slot, __ATOMIC_ACQUIRE) != nullptr) return;
  __atomic_store_n(&slot, reinterpret_cast<Function>(find(name)), __ATOMIC_RELEASE);
}

}  // namespace

void find_loader_functions() {
  set_once(weir_next_dlvsym, &next_function, "dlvsym");
  set_once(weir_next_dlsym, &next_function, "dlsym");
}

const link_map* libc_module() { return core::module_at(reinterpret_cast<const void*>(&__libc_malloc)); }

LookUp libc_dlsym() {
  LookUp look_up = own_look_up.load(std::memory_order_acquire);
  if (look_up == nullptr) {
    look_up = reinterpret_cast<LookUp>(libc_function("dlsym"));
    own_look_up.store(look_up, std::memory_order_release);
  }
  return look_up;
}

void* look_up_quietly(void* handle, const char* name) {
  const core::Guard guard;
  void* definition = libc_dlsym()(handle, name);
  if (definition == nullptr) {
    dlerror();  // takes the message
    dlerror();  // gives its memory back
  }
  return definition;
}

}  // namespace weir::runtime
