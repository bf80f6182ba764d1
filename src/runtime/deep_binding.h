// RTLD_DEEPBIND: a library opened with it finds the libc's malloc and free before Weir's, while the libc's own strdup and the
// rest of the program use Weir's. A block that crosses would end in the wrong allocator, so such a library's references to the
// malloc family are led back to what every other module uses. All its other references stay as its author wanted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::runtime {

struct HeapFunction {
  const char* name;
  void* definition;  // as every other module finds it
};

// True where Weir must open the library itself to get hold of it: a deeply bound one, unless the caller's own search path could
// lead elsewhere than Weir's. `caller`: an address in the module that asks.
bool must_rebind(const char* path, int flags, uintptr_t caller);

// dlopen, then the rebinding. Constructors of the library have run by then: what they took from the libc's malloc is freed by
// its owner. nullptr: not opened, dlerror() tells. At most 16 functions.
void* open_and_rebind(const char* path, int flags, const HeapFunction* functions, size_t count);

}  // namespace weir::runtime
