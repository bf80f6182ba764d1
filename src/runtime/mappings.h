// What happens at each event of the program's own mappings: the call itself, done by whatever would have done it without Weir,
// and the mapping table brought up to date around it. The exported symbols forward here.
//
// Results and errno are those of the libc's functions. Any thread, any time; calls that Weir's own code or a signal handler
// inside it makes pass through untracked and are counted.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "stack/capture.h"

namespace weir::runtime {

struct MapRequest {
  void* address;
  size_t bytes;
  int protection;
  int flags;
  int fd;
  off_t offset;
};
void* map_memory(const stack::Registers& caller, const MapRequest& request);
int unmap_memory(void* address, size_t bytes);

// As with realloc, the whole mapping belongs to this call afterwards. new_address counts under MREMAP_FIXED only.
struct RemapRequest {
  void* address;
  size_t bytes;
  size_t new_bytes;
  int flags;
  void* new_address;
};
void* remap_memory(const stack::Registers& caller, const RemapRequest& request);

int protect_memory(void* address, size_t bytes, int protection);

// Not tracked: the mapping stays.
int advise_memory(void* address, size_t bytes, int advice);

void* move_program_break(const stack::Registers& caller, intptr_t bytes);
int set_program_break(const stack::Registers& caller, void* address);

void* attach_segment(const stack::Registers& caller, int id, const void* address, int flags);
int detach_segment(const void* address);

}  // namespace weir::runtime
