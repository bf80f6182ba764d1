// What a program gets that asks the loader for one of the driver's functions by name: what it would get without Weir, and where that is
// the driver's own function, the wrapper in its place. The loader's look-ups by name do not find Weir's exports of the driver's names
// (preload/make_exports_map.sh).
#pragma once

namespace weir::runtime {

// For a dlsym(handle, name) that was called from `caller`. nullptr: the next dlsym is to answer. Any thread; inside the loader's calls
// only, so it may take the loader's locks.
void* symbol_instead(void* handle, const char* name, const void* caller);

// For a dlvsym(handle, name, version) that was called from `caller`, where the name is that of a look-up: a preload ahead of Weir that
// exports dlsym and asks for the one behind it gets Weir's, which the version would hide. nullptr: the next dlvsym is to answer.
struct OwnLookUps {
  void* dlsym;
  void* dlvsym;
};
void* own_look_up_instead(const char* name, const void* caller, const OwnLookUps& own);

// Whether a look-up by a library's handle, not by RTLD_DEFAULT or RTLD_NEXT, is going to find the libc's own function of that name, one of
// those that take a block of the heap: it would be given blocks of the pool, such as strdup's. Not where the program brings a malloc, nor for
// who has a function of that name itself behind Weir: Weir's passes on to that one.
bool finds_libcs(void* handle, const char* name, const void* caller);

// In place of an address: there is no such symbol, and dlerror() says so.
inline void* const kNoSuchSymbol = reinterpret_cast<void*>(1);

// What is loaded now is what the program started with. From the preload's constructor.
void note_modules_of_start();

// Where a library that the program was started with, and that comes behind libweir.so, defines a function of that name; nullptr where
// none does, or only CUDA's driver. Takes no lock, never asks the loader. Nothing before note_modules_of_start().
void* definition_of_start(const char* name);

}  // namespace weir::runtime
