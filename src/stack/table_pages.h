// Building rules reads a module's unwind tables all over, and every page of the file that was read counts as the process's memory
// from then on: as much as all else of Weir's in a small process. They are given back after a while; what is read again comes from
// the kernel's page cache. Inside src/stack only.
#pragma once

#include <cstdint>

#include "stack/module_registry.h"

namespace weir::stack {

// After a rule was built from this module's tables, the `built`th of the process. From time to time this gives the module's pages
// back: more rarely the more rules there are. The module must be one that cannot be unloaded meanwhile: code of it is on the
// calling thread's stack. Cost: a lock; then two system calls, outside of it.
void note_tables_read(const LoadedModule& module, uint64_t built);

// The whole pages from the module's unwind header to the end of its segment, where they may be given back: the segment holds neither
// code nor what is written to, and the loader did not relocate it. Empty otherwise. What a program wrote there by way of mprotect
// would be lost; no use of that is known.
struct TablePages {
  uintptr_t start = 0, end = 0;  // page-aligned
  uintptr_t segment_start = 0;   // of the segment, which also ends at `end`
  bool empty() const { return start >= end; }
};
TablePages table_pages_of(const LoadedModule& module);

// Whether the kernel has the pages back. Not where it maps there what is no file: a program may have unpacked itself into memory.
bool give_back(const TablePages& pages);

void table_pages_reset_after_fork();

}  // namespace weir::stack
