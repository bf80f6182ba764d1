#include "cuda/driver.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>

#include "core/elf_image.h"
#include "core/large_table.h"
#include "core/spin_lock.h"

namespace weir::cuda {
namespace {

constexpr const char kDriverName[] = "libcuda.so.1";

core::SpinLock binding;
std::atomic<const void*> bound_address{nullptr};  // in the driver's memory, once it is bound
// What the loader tells of the place where the driver lies: another one at that place differs somewhere.
std::atomic<const void*> bound_module{nullptr};
std::atomic<const void*> bound_end{nullptr};
std::atomic<const void*> bound_unwind_table{nullptr};
WEIR_LARGE_TABLE std::atomic<void*> functions[kEntries];
std::atomic<void (*)()> forget_replaced{nullptr};
std::atomic<void* (*)(const char*)> find_interposer{nullptr};
WEIR_LARGE_TABLE std::atomic<void*> interposers[kEntries];  // nullptr: not looked for yet; kNone: there is none
char none;
void* const kNone = &none;
DriverQueries queries;

bool is_driver(const dl_phdr_info& module) {
  const char* slash = strrchr(module.dlpi_name, '/');
  const char* file = slash == nullptr ? module.dlpi_name : slash + 1;
  if (strncmp(file, "libcuda", sizeof "libcuda" - 1) != 0) return false;
  return is_driver_name(core::ElfImage(module).soname()) || is_driver_name(file);
}

template <class Find>
void bind_to(const Find& find) {
#define WEIR_CUDA_QUERY(member, name, ...) queries.member = reinterpret_cast<decltype(queries.member)>(find(#name));
  WEIR_CUDA_QUERIES(WEIR_CUDA_QUERY)
#undef WEIR_CUDA_QUERY
  for (size_t i = 0; i < kEntries; ++i) {
    functions[i].store(find(entry_name(static_cast<Entry>(i))), std::memory_order_release);
  }
}

bool is_still_bound() {
  const void* address = bound_address.load(std::memory_order_acquire);
  dl_find_object found;
  return address != nullptr && _dl_find_object(const_cast<void*>(address), &found) == 0 &&
         found.dlfo_link_map == bound_module.load(std::memory_order_relaxed) &&
         found.dlfo_map_end == bound_end.load(std::memory_order_relaxed) &&
         found.dlfo_eh_frame == bound_unwind_table.load(std::memory_order_relaxed);
}

// Under the loader's lock: another thread's dlclose() waits.
int bind_if_driver(dl_phdr_info* module, size_t, void*) {
  if (!is_driver(*module)) return 0;
  const core::ElfImage image(*module);
  const void* address = image.function("cuInit");
  if (address == nullptr) return 0;
  const core::LockScope scope(binding);
  if (is_still_bound()) return 1;
  const auto forget = forget_replaced.load(std::memory_order_acquire);
  if (driver_was_bound() && forget != nullptr) forget();
  bind_to([&](const char* name) { return image.function(name); });
  dl_find_object found;
  if (_dl_find_object(const_cast<void*>(address), &found) != 0) return 0;
  bound_module.store(found.dlfo_link_map, std::memory_order_relaxed);
  bound_end.store(found.dlfo_map_end, std::memory_order_relaxed);
  bound_unwind_table.store(found.dlfo_eh_frame, std::memory_order_relaxed);
  bound_address.store(address, std::memory_order_release);
  return 1;
}

}  // namespace

bool bind_driver() { return is_still_bound() || dl_iterate_phdr(&bind_if_driver, nullptr) != 0; }

bool is_driver_name(const char* soname) { return strcmp(soname, kDriverName) == 0; }

void set_driver_replaced(void (*forget)()) { forget_replaced.store(forget, std::memory_order_release); }

bool driver_was_bound() { return bound_address.load(std::memory_order_relaxed) != nullptr; }

void* driver_function(Entry entry) { return functions[index_of(entry)].load(std::memory_order_acquire); }

const DriverQueries& driver_queries() { return queries; }

void set_interposer_source(void* (*find)(const char* name)) { find_interposer.store(find, std::memory_order_release); }

void* function_behind_export(Entry entry) {
  const bool is_bound = bind_driver();
  std::atomic<void*>& known = interposers[index_of(entry)];
  void* interposer = known.load(std::memory_order_acquire);
  const auto find = find_interposer.load(std::memory_order_acquire);
  if (interposer == nullptr && find != nullptr) {
    interposer = find(entry_name(entry));
    if (interposer == nullptr) interposer = kNone;
    known.store(interposer, std::memory_order_release);
  }
  if (interposer != nullptr && interposer != kNone) return interposer;
  return is_bound ? driver_function(entry) : nullptr;
}

void driver_reset_after_fork() { binding.reset_after_fork(); }

Entry entry_at(const void* function) {
  if (function == nullptr) return Entry::count;
  for (size_t i = 0; i < kEntries; ++i) {
    if (functions[i].load(std::memory_order_relaxed) == function) return static_cast<Entry>(i);
  }
  return Entry::count;
}

void bind_driver_to(void* (*find)(const char* name)) {
  const core::LockScope scope(binding);
  bind_to(find);
}

}  // namespace weir::cuda
