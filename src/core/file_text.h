// The text of a small file, such as those of /proc, by raw system calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::core {

// Reads up to capacity - 1 bytes and ends them with a 0. Returns how many; 0 where there is no such file. Makes no allocation.
size_t read_whole(const char* path, char* buffer, size_t capacity);

// Of such a text as /proc/self/status and /proc/meminfo: "VmRSS:\t  123 kB" -> 125952, for the line that begins with `name`. False where
// there is none.
bool status_bytes(const char* status, const char* name, uint64_t* bytes);

}  // namespace weir::core
