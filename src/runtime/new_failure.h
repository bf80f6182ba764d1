// What operator new does when memory is out. The exception and the new_handler are those of the host's libstdc++, looked up at
// that moment: the program catches its own std::bad_alloc, whichever libstdc++ it brought.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::runtime {

// Runs the host's new_handler, after which the caller tries again; throws std::bad_alloc through the host's libstdc++ where
// there is none. `caller` is an address in the module that called operator new. This and the handler are the only ways in
// which an exception leaves a hook.
void handle_new_failure(uintptr_t caller);

// The host's own nothrow operator new of this mangled name: it runs the new_handler and turns what it throws into nullptr.
// nullptr where the host has none.
void* find_host_nothrow_new(const char* mangled_name, uintptr_t caller);

}  // namespace weir::runtime
