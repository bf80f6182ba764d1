// The whole stack by libunwind, step by step: for frames beyond the compact rules, and as the oracle that captures are
// compared with. Slow (about a microsecond a frame) and serialised, but without the host's heap, the loader's lock or
// a system call.
#pragma once

#include <cstdint>

#include "stack/capture.h"

namespace weir::stack {

// Takes the frames innermost first, caller.ip as the first, with their stack pointers; false stops the unwind. May not unwind itself.
using FrameSink = bool (*)(void* context, uintptr_t ip, uintptr_t sp, bool exact);

enum class UnwindEnd : uint8_t {
  complete,
  no_info,      // the last frame given has no unwind information
  truncated,    // stopped by the sink or by libunwind
  unavailable,  // no frame was given: libunwind did not come by `caller`, or may not be used here:
                // in a forked child whose parent was in it, in a confined process
};

// Must be called below the hook that `caller` called.
UnwindEnd full_unwind(const Registers& caller, FrameSink sink, void* context);

// Where the calling thread left the program: the caller of `end_function` (exit), where that is at work on this stack, else the innermost
// frame outside [own_start, own_end), Weir's code. With what a function keeps for its caller, as it was there.
struct ProgramFrame {
  uintptr_t sp;
  uint64_t registers[6];  // rbx, rbp, r12 to r15
};
// False where libunwind does not come there, or may not be used.
bool find_program_frame(uintptr_t own_start, uintptr_t own_end, uintptr_t end_function, ProgramFrame* frame);

void full_unwind_reset_after_fork();

}  // namespace weir::stack
