// What the kernel has mapped for the process, as /proc/self/maps tells it at one moment.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/scratch.h"

namespace weir::leak {

enum class AreaKind : uint8_t {
  anonymous,
  file,     // of a file system
  stack,    // the first thread's
  special,  // the kernel's own pages, devices: not to be read
};

struct Area {
  uintptr_t start, end;
  bool readable, writable, executable, shared;
  AreaKind kind;
};

class MemoryMap {
 public:
  // False where it cannot be read, or working memory is out.
  bool read();
  void release() { areas_.release(); }

  size_t size() const { return areas_.size(); }
  const Area& operator[](size_t index) const { return areas_[index]; }
  // The area that holds the address, or nullptr.
  const Area* find(uintptr_t address) const;
  // The area that ends where this one starts, or nullptr.
  const Area* before(const Area& area) const;

 private:
  bool add_line(const char* line);
  size_t first_that_ends_above(uintptr_t address) const;

  core::ScratchArray<Area> areas_;  // by ascending address
};

// One line of /proc/self/maps. False where it is none.
bool parse_area(const char* line, Area* area);

}  // namespace weir::leak
