#include "runtime/loader_functions.h"

#include <stddef.h>

#include <atomic>

#include "core/elf_image.h"
#include "cuda/driver.h"

// The libc's alone, so that its address tells where the libc is.
extern "C" void* __libc_malloc(size_t bytes);
extern "C" __attribute__((visibility("hidden"))) const char own_image_start asm("__ehdr_start");

void* (*weir_next_dlsym)(void*, const char*) = nullptr;
void* (*weir_next_dlvsym)(void*, const char*, const char*) = nullptr;

namespace weir::runtime {
namespace {

std::atomic<LookUp> own_look_up{nullptr};

std::atomic<size_t> start_module_count{SIZE_MAX};

struct Search {
  const char* name;
  size_t modules_left;
  bool leaves_out_driver;
  bool passed_weir;
  void* found;
};

// In the loader's order: the first definition behind libweir.so.
int visit_module(dl_phdr_info* module, size_t, void* context) {
  auto& search = *static_cast<Search*>(context);
  const auto own_base = reinterpret_cast<uintptr_t>(&own_image_start);
  if (search.modules_left-- == 0) return 1;
  if (module->dlpi_addr == own_base) {
    search.passed_weir = true;
    return 0;
  }
  if (!search.passed_weir) return 0;
  const core::ElfImage image(*module);
  void* found = image.function(search.name);
  if (found == nullptr || (search.leaves_out_driver && cuda::is_driver_name(image.soname()))) return 0;
  search.found = found;
  return 1;
}

int count_module(dl_phdr_info*, size_t, void* count) {
  ++*static_cast<size_t*>(count);
  return 0;
}

void* next_function(const char* name) {
  Search search{name, SIZE_MAX, false, false, nullptr};
  dl_iterate_phdr(&visit_module, &search);
  return search.found;
}

void* libc_function(const char* name) {
  const link_map* libc = core::module_at(reinterpret_cast<const void*>(&__libc_malloc));
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

void note_start() {
  size_t count = 0;
  dl_iterate_phdr(&count_module, &count);
  start_module_count.store(count, std::memory_order_relaxed);
}

void* definition_of_start(const char* name) {
  Search search{name, start_module_count.load(std::memory_order_relaxed), true, false, nullptr};
  dl_iterate_phdr(&visit_module, &search);
  return search.found;
}

LookUp libc_dlsym() {
  LookUp look_up = own_look_up.load(std::memory_order_acquire);
  if (look_up == nullptr) {
    look_up = reinterpret_cast<LookUp>(libc_function("dlsym"));
    own_look_up.store(look_up, std::memory_order_release);
  }
  return look_up;
}

}  // namespace weir::runtime
