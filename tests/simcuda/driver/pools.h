// Memory pools, whose memory comes and goes in the order of a stream.
#pragma once

#include "context.h"

namespace simcuda {

Pool& pool_of(CUmemoryPool handle);
inline CUmemoryPool handle_of(Pool& pool) { return reinterpret_cast<CUmemoryPool>(&pool); }

}  // namespace simcuda
