// The modules that captured frames lie in: each load of each executable or shared object has an id, also after it was
// unloaded. The same file loaded again at the same place keeps its id.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"

namespace weir::stack {

inline constexpr size_t kMaxBuildIdBytes = 32;

struct ModuleInfo {
  const char* path;      // absolute where known; of the executable itself, /proc/self/exe's target; never nullptr
  uintptr_t base;        // load bias: a frame's offset is ip - base
  uintptr_t start, end;  // mapped range
  uint8_t build_id[kMaxBuildIdBytes];
  size_t build_id_bytes;  // 0: the module has none
  bool loaded;            // false after dlclose
};

uint32_t module_count();  // ids run from 1 to module_count()
// Where the module that holds the code lies now, its data too. False where none does. Any thread, any time.
bool find_module_range(uintptr_t code, uintptr_t* start, uintptr_t* end);

const ModuleInfo* module_info(core::ModuleId);  // nullptr for none; valid until the process ends

}  // namespace weir::stack
