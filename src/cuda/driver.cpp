#include "cuda/driver.h"

#include <link.h>

#include <cstring>

#include "core/elf_image.h"
#include "core/spin_lock.h"

namespace weir::cuda {
namespace {

constexpr const char kDriverName[] = "libcuda.so.1";

core::SpinLock binding;
std::atomic<const void*> bound_address{nullptr};  // in the driver's memory, once it is bound
std::atomic<const link_map*> bound_module{nullptr};
std::atomic<void*> functions[kEntries];
std::atomic<void*> behind_exports[kEntries];  // nullptr: not looked for yet, or nowhere
std::atomic<void* (*)(const char*)> find_next_definition{nullptr};
DriverQueries queries;

bool is_driver(const dl_phdr_info& module) {
  const char* slash = strrchr(module.dlpi_name, '/');
  const char* file = slash == nullptr ? module.dlpi_name : slash + 1;
  if (strncmp(file, "libcuda", sizeof "libcuda" - 1) != 0) return false;
  return strcmp(core::ElfImage(module).soname(), kDriverName) == 0 || strcmp(file, kDriverName) == 0;
}

template <class Find>
void bind_to(const Find& find) {
#define WEIR_CUDA_QUERY(member, name, ...) queries.member = reinterpret_cast<decltype(queries.member)>(find(#name));
  WEIR_CUDA_QUERIES(WEIR_CUDA_QUERY)
#undef WEIR_CUDA_QUERY
  for (size_t i = 0; i < kEntries; ++i) {
    functions[i].store(find(entry_name(static_cast<Entry>(i))), std::memory_order_release);
    behind_exports[i].store(nullptr, std::memory_order_release);
  }
}

// Under the loader's lock: another thread's dlclose() waits.
int bind_if_driver(dl_phdr_info* module, size_t, void*) {
  if (!is_driver(*module)) return 0;
  const core::ElfImage image(*module);
  const void* address = image.function("cuInit");
  if (address == nullptr) return 0;
  const core::LockScope scope(binding);
  if (is_driver_still_bound()) return 1;
  bind_to([&](const char* name) { return image.function(name); });
  bound_module.store(core::module_at(address), std::memory_order_relaxed);
  bound_address.store(address, std::memory_order_release);
  return 1;
}

}  // namespace

bool is_driver_still_bound() {
  const void* address = bound_address.load(std::memory_order_acquire);
  return address != nullptr && core::module_at(address) == bound_module.load(std::memory_order_relaxed);
}

bool bind_driver() { return is_driver_still_bound() || dl_iterate_phdr(&bind_if_driver, nullptr) != 0; }

bool driver_was_bound() { return bound_address.load(std::memory_order_relaxed) != nullptr; }

void* driver_function(Entry entry) { return functions[index_of(entry)].load(std::memory_order_acquire); }

const DriverQueries& driver_queries() { return queries; }

void set_next_definition_source(void* (*find)(const char* name)) {
  find_next_definition.store(find, std::memory_order_release);
}

void* function_behind_export(Entry entry) {
  bind_driver();
  std::atomic<void*>& known = behind_exports[index_of(entry)];
  void* function = known.load(std::memory_order_acquire);
  if (function != nullptr) return function;
  const auto find = find_next_definition.load(std::memory_order_acquire);
  if (find != nullptr) function = find(entry_name(entry));
  if (function == nullptr) function = driver_function(entry);
  known.store(function, std::memory_order_release);
  return function;
}

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
