// Memory that the program asked to be read for pointers: LeakSanitizer's __lsan_register_root_region.
//
// Threads: any, inside the re-entry guard; a spin lock, and memory of the arena.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::leak {

// The same region may be added more than once, and is then there until it was removed as often. False for no bytes, for one beyond the end
// of the address space, and where memory is out.
bool add_root(uintptr_t start, size_t bytes);

// False where no region of just this start and size is there.
bool remove_root(uintptr_t start, size_t bytes);

// Calls visit(context, start, bytes) for each region, under the lock. Parts of a region may not be mapped, or not be readable.
using RootVisitor = void (*)(void* context, uintptr_t start, size_t bytes);
void for_each_root(RootVisitor visit, void* context);

void root_regions_reset_after_fork();

}  // namespace weir::leak
