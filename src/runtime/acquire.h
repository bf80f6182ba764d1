// Where a block comes from: the pool, or where that has no memory or is off, the libc's own allocator.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"
#include "runtime/runtime.h"

namespace weir::runtime {

struct Acquired {
  void* user = nullptr;    // as the program gets it; nullptr: out of memory
  void* base = nullptr;    // the pool's start of it, or nullptr for the host's allocator
  uint8_t align_log2 = 0;  // of the alignment that Weir itself sees to, beyond the natural one; else 0
};

// Once, at start.
void configure_acquire(bool pool_on, size_t min_alignment);
bool pool_is_on();
size_t natural_alignment();  // what every block has: 16, or WEIR_HOST_MIN_ALIGN

Acquired acquire(const core::Inside&, const Request&);

// From the host's allocator in any case. nullptr: out of memory.
void* allocate_from_host(const Request&);

}  // namespace weir::runtime
