// Where the calling thread left the program: what lies on its stack below is Weir's and the libc's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::leak {

struct CallerFrame {
  uintptr_t stack_pointer = 0;  // 0: unknown, all of its stack counts
  uint64_t registers[16] = {};  // that a function keeps for its caller; all of them, where it was interrupted
  size_t register_count = 0;
  const void* extended = nullptr;  // the vector registers, where it was interrupted
  size_t extended_bytes = 0;       // whole words may be read
};

// Of what a handler of Weir's has interrupted, where one is at work (core::thread_slot.interrupted). Else of exit()'s caller, where the
// process is ending by exit(), be it that main has returned; else of whoever called Weir. About 20 us.
CallerFrame find_caller_frame();

}  // namespace weir::leak
