// What a program gets that asks the loader for one of the driver's functions by name.
#pragma once

namespace weir::runtime {

// For a dlsym(handle, name) or dlvsym that was called from `caller`. nullptr: the loader's own answer stands. Any thread; inside the
// loader's calls only, so it may take the loader's locks.
void* symbol_instead(void* handle, const char* name, const void* caller);

// In place of an address: there is no such symbol, and dlerror() says so.
inline void* const kNoSuchSymbol = reinterpret_cast<void*>(1);

}  // namespace weir::runtime
