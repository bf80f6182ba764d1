// How capture learns of modules: registration when a frame in one is first seen, and the end of one when the loader
// frees its link map. Inside src/stack only; module_table.h is what others read.
#pragma once

#include <elf.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/ids.h"
#include "stack/module_table.h"
#include "stack/verified_leaf.h"  // module_generation

namespace weir::stack {

// The parts of a module that the loader mapped readable: every read of its unwind tables stays inside.
struct ReadableMemory {
  static constexpr uint32_t kMaxRanges = 8;
  struct Range {
    uintptr_t start, end;
  };
  Range ranges[kMaxRanges];
  uint32_t count = 0;

  // The end of the range that `address` lies in, or 0.
  uintptr_t end_of_range(uintptr_t address) const {
    for (uint32_t i = 0; i < count; ++i) {
      if (address >= ranges[i].start && address < ranges[i].end) return ranges[i].end;
    }
    return 0;
  }
};

struct ProgramHeaders {
  const Elf64_Phdr* first = nullptr;
  size_t count = 0;
};

// The module at a program counter as the loader knows it now.
struct LoadedModule {
  const void* link_map;
  const char* name;  // the loader's; empty for the executable
  uintptr_t base, start, end;
  uintptr_t unwind_header;  // .eh_frame_hdr; 0: none
  ProgramHeaders headers;
  ReadableMemory readable;
};

// False where no module is. Lock-free; any thread, any time.
bool find_loaded_module(uintptr_t pc, LoadedModule* module);

// The id of a loaded module; none where the ids have run out or memory is short.
core::ModuleId register_module(const LoadedModule&);

// Marks the module of this link map unloaded and returns its id; none where the link map is no registered module's.
core::ModuleId forget_module_of(const void* link_map);

void module_registry_reset_after_fork();

}  // namespace weir::stack
