// The whole stack by libunwind, step by step: for frames beyond the compact rules, and as the oracle that captures are
// compared with. Slow (about a microsecond a frame) and serialised, but without the host's heap, the loader's lock or
// a system call.
#pragma once

#include <cstdint>

#include "stack/capture.h"

namespace weir::stack {

// Takes the frames innermost first, caller.ip as the first; false stops the unwind. May not unwind itself.
using FrameSink = bool (*)(void* context, uintptr_t ip, bool exact);

enum class UnwindEnd : uint8_t {
  complete,
  no_info,      // the last frame given has no unwind information
  truncated,    // stopped by the sink or by libunwind
  unavailable,  // no frame was given: libunwind did not come by `caller`, or may not be used here:
                // in a forked child whose parent was in it, in a confined process
};

// Must be called below the hook that `caller` called.
UnwindEnd full_unwind(const Registers& caller, FrameSink sink, void* context);

void full_unwind_reset_after_fork();

}  // namespace weir::stack
