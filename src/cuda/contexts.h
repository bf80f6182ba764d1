// Contexts' ends, which free everything that was allocated in them: not leaks, but listed.
#pragma once

#include "cuda/allocation.h"

namespace weir::cuda {

// The driver has told that this is the device's primary context.
void note_primary_context(int device, uint64_t context);
uint64_t primary_context(int device);  // 0: not known

// How often the program has retained a device's primary context and not released it. While it is held so, no other release ends it.
class PrimaryRetain {
 public:
  explicit PrimaryRetain(int device);  // before the driver's call
  ~PrimaryRetain();
  PrimaryRetain(const PrimaryRetain&) = delete;
  PrimaryRetain& operator=(const PrimaryRetain&) = delete;

  void finish(bool is_retained);

 private:
  int device_;
};
void begin_primary_release(int device);
void primary_release_refused(int device);
void forget_primary_retains(int device);  // a reset may have voided them
bool is_primary_held(int device);
// Or a call that retains it is under way.
bool may_be_retained_anew(int device);

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
