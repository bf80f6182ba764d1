// The loader's look-ups behind Weir's own dlsym and dlvsym.
#pragma once

#include <link.h>

// Where Weir's exports go on to: the next definition in the order in which the loader searches. nullptr until find_loader_functions().
extern "C" {
extern void* (*weir_next_dlsym)(void* handle, const char* name) __attribute__((visibility("hidden")));
extern void* (*weir_next_dlvsym)(void* handle, const char* name, const char* version)
    __attribute__((visibility("hidden")));
}

namespace weir::runtime {

// Finds them. Any thread, any number of times; takes the loader's lock for its list of modules.
void find_loader_functions();

const link_map* libc_module();

// The libc's own dlsym, for Weir's look-ups. It looks at who calls: a call with RTLD_NEXT must return into libweir.so.
using LookUp = void* (*)(void* handle, const char* name);
LookUp libc_dlsym();

// The same, and dlerror() has nothing to say afterwards. Inside the re-entry guard.
void* look_up_quietly(void* handle, const char* name);

}  // namespace weir::runtime
