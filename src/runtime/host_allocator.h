// The allocator that would serve the program without Weir: the next malloc in the loader's search order. It serves with the
// pool off, when the pool has no memory, for events inside Weir, and it is the owner of every pointer that Weir never saw.
#pragma once

#include <cstddef>

namespace weir::runtime {

void* host_malloc(size_t bytes);
void* host_calloc(size_t bytes);
void* host_realloc(void* block, size_t bytes);
void* host_memalign(size_t alignment, size_t bytes);
void host_free(void* block);
size_t host_usable_size(void* block);

// Whether that allocator is the libc's own, whose blocks can be told from other memory.
bool host_is_libc();
// Whether `block` is of the memory for calls that came before the allocator was known.
bool host_bootstrap_holds(const void* block);

// Looks the functions up; until then libc's own serve. From the start of the process, inside the re-entry guard.
void resolve_host_allocator();

}  // namespace weir::runtime
