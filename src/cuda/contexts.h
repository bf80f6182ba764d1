// Contexts' ends, which free everything that was allocated in them: not leaks, but listed.
#pragma once

#include "cuda/allocation.h"

namespace weir::cuda {

// The driver has told that this is the device's primary context.
void note_primary_context(int device, uint64_t context);
uint64_t primary_context(int device);  // 0: not known

// The context has ended by that function of the driver's: what was allocated in it up to `serial` is gone.
void end_context(uint64_t context, uint64_t serial);

// What was freed with contexts, by stack, kind and device.
struct FreedWithContext {
  core::StackId stack;
  Kind kind;
  int16_t device;
  uint64_t bytes, count;
};
inline constexpr size_t kMostFreedWithContext = 4096;  // beyond, they are counted in the totals per kind only
size_t freed_with_context_count();
const FreedWithContext& freed_with_context(size_t index);

void contexts_reset_after_fork();

}  // namespace weir::cuda
