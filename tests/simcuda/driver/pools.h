// Memory pools, whose memory comes and goes in the order of a stream.
#pragma once

#include "context.h"

namespace simcuda {

Pool& pool_of(CUmemoryPool handle);
inline CUmemoryPool handle_of(Pool& pool) { return reinterpret_cast<CUmemoryPool>(&pool); }

// Refuses properties of no pool that can be. A pool of the host is listed with device 0.
Pool& add_pool(const CUmemPoolProps& properties);

// Where it was its place's current pool, the default one is again.
void forget_as_current(const Pool& pool);

}  // namespace simcuda
