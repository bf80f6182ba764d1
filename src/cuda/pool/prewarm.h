// What the options want ready from the start.
#pragma once

#include "cuda/pool/pool_contexts.h"

namespace weir::cuda::pool {

// At a context's first memory from the driver: takes blocks ahead of requests for them. Does nothing later.
void prepare(const Call& call, ContextState& context);

}  // namespace weir::cuda::pool
