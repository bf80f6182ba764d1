// What a pointer of the program's is to the pool, for the answers to its questions: a block's size is what its present owner asked for,
// and memory that is freed and kept is to the program as if the driver had it.
#pragma once

#include "cuda/call.h"
#include "cuda/driver_types.h"

namespace weir::cuda::pool {

struct PointerFacts {
  // freed: the driver knows memory there of which the program must not hear: freed, and kept; or registered by Weir (host_pins.h).
  enum class Is : uint8_t { unknown, live, freed };
  Is is = Is::unknown;
  Address start = 0;
  uint64_t asked_bytes = 0;
  uint64_t buffer_id = 0;  // 0: the driver's own holds
  // Of a part of a segment, which the driver does not know as an allocation; else 0.
  uint64_t segment_context = 0;
  int segment_device = 0;
};

// Interior addresses are found by their block's start, which the driver is asked for. Cost without blocks of the pool's: two loads.
PointerFacts facts_of(const Call& call, Address address);

// Others than this process's contexts may use the block from now on: it is not kept when it is freed.
void note_exported(const Call& call, Address address);

}  // namespace weir::cuda::pool
