// The heap's part of WEIR_HOST_PIN_ABOVE (cuda/pool/host_pins.h): which of its blocks may be registered with CUDA's driver, and what becomes
// of a registered block that the program frees. The driver is never called here: a free may come in a callback of the driver's, in a signal
// handler, at the end of the process.
//
// Any thread inside Weir.
#pragma once

#include "core/guard.h"
#include "cuda/pool/host_pin_table.h"
#include "track/size_class.h"

namespace weir::runtime {

// By the options. Once, at the process's start.
void configure_host_pin_blocks();

// A block on a page of its own begins where the pool's pages do.
inline bool may_be_pinned(uintptr_t base) {
  constexpr uintptr_t kPageStart = uintptr_t{1} << 16;
  return base % kPageStart == 0 && cuda::pool::has_host_pins();
}

// Whether the pool block, which the program frees, is kept as it is for now, as the driver has it registered: the pool must not have it yet.
// Cost where nothing is registered: two loads.
inline bool stays_aside(uintptr_t base) {
  return may_be_pinned(base) && cuda::pool::host_pin_table.set_aside(base);  // guard: host-pin-aside
}

// Whether the free of the pool block, which the program has now, is to come to stays_aside().
inline bool is_known_to_pins(uintptr_t base) { return may_be_pinned(base) && cuda::pool::host_pin_table.knows(base); }

// A block that is aside, for a request of so many bytes that the pool would give a page of its own; nullptr: there is none. Its contents are
// its last owner's.
inline void* take_from_aside(size_t bytes) {
  if (bytes <= track::kLargestClassBytes || !cuda::pool::has_host_pins_aside()) [[likely]]
    return nullptr;
  return reinterpret_cast<void*>(cuda::pool::host_pin_table.take_aside(bytes));
}

}  // namespace weir::runtime
