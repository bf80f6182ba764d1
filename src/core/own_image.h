// Where this library lies in memory.
#pragma once

#include <cstdint>

// The linker's.
extern "C" {
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
}

namespace weir::core {

inline uintptr_t own_image_start() { return reinterpret_cast<uintptr_t>(__ehdr_start); }
inline uintptr_t own_image_end() { return reinterpret_cast<uintptr_t>(_end); }

}  // namespace weir::core
