// The CPython that is mapped, if there is one: by what its objects can be told from other memory.
#pragma once

#include <cstdint>

#include "leak/memory_map.h"

namespace weir::leak {

struct PythonLibrary {
  uintptr_t type_of_types = 0;     // PyType_Type
  uintptr_t type_of_integers = 0;  // PyLong_Type
  unsigned long version = 0;       // as Py_Version has it; 0 before 3.11

  bool exists() const { return type_of_types != 0; }
};

// Of the first in the map. Asks the loader nothing that it could wait for.
PythonLibrary find_python_library(const MemoryMap& map);

}  // namespace weir::leak
