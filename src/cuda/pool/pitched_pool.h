// Pitched device memory by whole blocks: cuMemAllocPitch.
//
// The pitch is the driver's to say. Of rows that nobody has asked for before on a device the driver serves the request, and the pool
// learns from its answer; from the second on a request is served with the very pitch and size that the driver said, and a block serves
// those of the same pitch and size. Any thread.
#pragma once

#include "cuda/pool/block_pool.h"

namespace weir::cuda::pool {

// What a program asks for.
struct Rows {
  uint64_t width;  // bytes of one
  uint64_t height;
  unsigned element_bytes;

  bool operator==(const Rows&) const = default;
};

// By cuMemAllocPitch_v2. *pitch is written where the result is success and `given` is not passed; else as the driver does it.
Result allocate_pitched(const Call& call, const Rows& rows, size_t* pitch, Given* given);

// The driver has served a request that was passed on. Asks it for the range's size where that is not known yet.
void learn_pitch(const Call& call, const Rows& rows, uint64_t pitch, Address address);

// What was learned is void: another driver may say otherwise.
void forget_pitches();

void pitches_reset_after_fork();

}  // namespace weir::cuda::pool
