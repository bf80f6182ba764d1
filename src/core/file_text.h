// The text of a small file, such as those of /proc, by raw system calls.
#pragma once

#include <cstddef>

namespace weir::core {

// Reads up to capacity - 1 bytes and ends them with a 0. Returns how many; 0 where there is no such file. Makes no allocation.
size_t read_whole(const char* path, char* buffer, size_t capacity);

}  // namespace weir::core
