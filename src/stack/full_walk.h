// A walk by libunwind, into the array that compact walks use. Inside src/stack only.
#pragma once

#include "stack/full_unwind.h"
#include "stack/last_stack.h"

namespace weir::stack {

struct FullWalk {
  uint32_t count;  // of frames in ThreadStack::walked, innermost first; of each only the key and the stack pointer
  UnwindEnd end;
};

// Keeps at most max_depth frames. Must be called below the hook that `caller` called.
FullWalk walk_by_libunwind(ThreadStack&, const Registers& caller);

}  // namespace weir::stack
