// Makes every call of memory_calls.inc at least once, with arguments that the driver serves and with some that it refuses, by the route
// that the program or its argument is for. Ends with 0 where all answered as expected.
//
//   memory_calls dlsym | default | cuGetProcAddress | cuGetProcAddress_v2 | plugin FILE
//   memory_calls_linked                      calls the functions that it is linked with
//   libmemory_calls_plugin.so                the same; run_with(addresses) takes them from the caller, in the order of name_of()
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "calls.h"
#include "other_process.h"

namespace memory_calls {

Driver driver;

namespace {

int wrong = 0;

void* look_up_by_handle(const char* name) {
  static void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : dlsym(library, name);
}

[[maybe_unused]] void* look_up_in_order(const char* name) {
  static void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  return library == nullptr ? nullptr : dlsym(RTLD_DEFAULT, name);
}

struct EntryPoint {
  const char* name;
  int version;
  bool per_thread;
  const char* symbol;
};
constexpr EntryPoint kEntryPoints[] = {
#define SIMCUDA_ENTRY_POINT(name, version, per_thread, symbol) {name, version, per_thread, #symbol},
#include "entry_points.inc"
#undef SIMCUDA_ENTRY_POINT
};

// What cuGetProcAddress() gives for no name and version comes by dlsym().
template <class Get>
void* look_up_by_driver(const char* symbol, Get get) {
  for (const EntryPoint& entry : kEntryPoints) {
    if (strcmp(entry.symbol, symbol) != 0) continue;
    void* function = nullptr;
    const cuuint64_t flags = entry.per_thread ? CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM : 0;
    EXPECT_OK(get(entry.name, &function, entry.version, flags));
    return function;
  }
  return look_up_by_handle(symbol);
}

[[maybe_unused]] void* look_up_by_old_driver(const char* symbol) {
  static const auto get = reinterpret_cast<decltype(&cuGetProcAddress)>(look_up_by_handle("cuGetProcAddress"));
  return look_up_by_driver(symbol, get);
}

[[maybe_unused]] void* look_up_by_new_driver(const char* symbol) {
  static const auto get = reinterpret_cast<decltype(&cuGetProcAddress_v2)>(look_up_by_handle("cuGetProcAddress_v2"));
  return look_up_by_driver(symbol, [](const char* name, void** function, int version, cuuint64_t flags) {
    CUdriverProcAddressQueryResult status;
    return get(name, function, version, flags, &status);
  });
}

template <class LookUp>
bool fill_driver(LookUp look_up) {
  auto* const slots = reinterpret_cast<void**>(&driver);
  for (int i = 0; i < kNameCount; ++i) {
    slots[i] = look_up(kNames[i]);
    if (slots[i] != nullptr) continue;
    fprintf(stderr, "no %s\n", kNames[i]);
    return false;
  }
  return true;
}

void walk_all() {
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  EXPECT_OK(driver.cuInit(0));
  EXPECT_OK(driver.cuCtxCreate_v2(&context, 0, 0));
  EXPECT_OK(driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  walk_linear();
  walk_host();
  walk_pools(stream);
  walk_virtual_memory();
  walk_arrays();
  walk_external();
  walk_multicast();
  walk_modules();
  walk_graphs(stream);
  walk_captures(stream);
  walk_copies(stream);
  walk_shaped_copies(stream);
  walk_batches(stream);
  walk_fills(stream);
  walk_look_up();
  walk_queries();
  walk_current_contexts();
  walk_work(stream);
  walk_contexts();
  EXPECT_OK(driver.cuCtxSynchronize());
}

// `fill` gives the functions, in this process and in the one that shares its memory.
template <class Fill>
int run(Fill fill) {
  OtherProcess other(fill);
  if (!fill()) return 1;
  walk_all();
  share_memory_with(other);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

void expect(CUresult expected, CUresult result, const char* call, const char* file, int line) {
  if (result == expected) return;
  fprintf(stderr, "%s:%d: %s: %d instead of %d\n", file, line, call, result, expected);
  ++wrong;
}

bool any_wrong() { return wrong != 0; }

}  // namespace memory_calls

using namespace memory_calls;

#ifdef LINKED_WITH_DRIVER

namespace {

bool fill_with_linked() {
  driver = {
#define CALL(name) &name,
#define SIMCUDA_MEMORY_CALL CALL
#include "memory_calls.inc"
      OTHER_CALLS(CALL)
#undef SIMCUDA_MEMORY_CALL
#undef CALL
  };
  return true;
}

}  // namespace

#define PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))
PLUGIN_EXPORT int run_linked() { return run(&fill_with_linked); }
PLUGIN_EXPORT const char* name_of(int index) { return index < kNameCount ? kNames[index] : nullptr; }
PLUGIN_EXPORT int run_with(void* const* addresses) {
  return run([addresses] {
    memcpy(&driver, addresses, sizeof driver);
    return true;
  });
}

#ifndef PLUGIN
int main() { return run_linked(); }
#endif

#else

int main(int argc, char** argv) {
  const char* route = argc > 1 ? argv[1] : "";
  if (strcmp(route, "dlsym") == 0) return run([] { return fill_driver(&look_up_by_handle); });
  if (strcmp(route, "default") == 0) return run([] { return fill_driver(&look_up_in_order); });
  if (strcmp(route, "cuGetProcAddress") == 0) return run([] { return fill_driver(&look_up_by_old_driver); });
  if (strcmp(route, "cuGetProcAddress_v2") == 0) return run([] { return fill_driver(&look_up_by_new_driver); });
  if (strcmp(route, "plugin") == 0 && argc > 2) {
    void* const plugin = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
    const auto run_linked = plugin == nullptr ? nullptr : reinterpret_cast<int (*)()>(dlsym(plugin, "run_linked"));
    if (run_linked != nullptr) return run_linked();
    fprintf(stderr, "%s\n", dlerror());
  }
  return 2;
}

#endif
