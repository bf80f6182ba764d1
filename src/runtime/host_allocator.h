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

// True for a program that exports a malloc of its own, which then comes before Weir's: jemalloc linked in, for example. Its
// blocks are not seen; what Weir still serves, operator new, comes from that malloc, because the program may free it there.
bool program_brings_allocator();

// Looks the functions up; until then libc's own serve. From the start of the process, inside the re-entry guard.
void resolve_host_allocator();

}  // namespace weir::runtime
