// dlopen: a plain jump, so that the loader sees the program as the caller, but for deeply bound libraries.
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

#include "runtime/deep_binding.h"
#include "runtime/host_symbols.h"

namespace runtime = weir::runtime;

namespace {

#define WEIR_HEAP_FUNCTION(name) \
  { #name, reinterpret_cast < void*>(&name) }
const runtime::HeapFunction heap_functions[] = {WEIR_HEAP_FUNCTION(malloc),
                                                WEIR_HEAP_FUNCTION(calloc),
                                                WEIR_HEAP_FUNCTION(realloc),
                                                WEIR_HEAP_FUNCTION(reallocarray),
                                                WEIR_HEAP_FUNCTION(free),
                                                WEIR_HEAP_FUNCTION(posix_memalign),
                                                WEIR_HEAP_FUNCTION(aligned_alloc),
                                                WEIR_HEAP_FUNCTION(memalign),
                                                WEIR_HEAP_FUNCTION(valloc),
                                                WEIR_HEAP_FUNCTION(pvalloc),
                                                WEIR_HEAP_FUNCTION(malloc_usable_size)};

}  // namespace

extern "C" __attribute__((visibility("default"), noinline)) void* dlopen(const char* path, int flags) noexcept {
  const auto caller = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  if (runtime::must_rebind(path, flags, caller)) {
    return runtime::open_and_rebind(path, flags, heap_functions, sizeof heap_functions / sizeof *heap_functions);
  }
  return runtime::host_dlopen()(path, flags);
}
