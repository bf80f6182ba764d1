// Which of the kernel's areas of memory an address lies in, by /proc/self/maps.
#pragma once

#include <cstdint>

namespace weir::core {

struct MemoryArea {
  uintptr_t start = 0, end = 0;
  bool is_readable = false;
  bool is_writable = false;
  bool is_file = false;   // mapped from a file; the zeroed part of a module's data is not
  bool is_heap = false;   // the kernel's [heap]
  bool is_stack = false;  // the kernel's [stack]: the main thread's

  bool holds(uintptr_t address) const { return address >= start && address < end; }
};

enum class AreaAnswer : uint8_t { found, none, unknown };

// unknown: the kernel does not let the file be read. Reads it from its beginning: some 20 us for a hundred areas. No heap; any
// thread.
AreaAnswer find_memory_area(uintptr_t address, MemoryArea* area);

}  // namespace weir::core
