// Where the calling thread left the program: what lies on its stack below is Weir's and the libc's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::leak {

struct CallerFrame {
  uintptr_t stack_pointer = 0;  // 0: unknown, all of its stack counts
  uint64_t registers[6] = {};   // that a function keeps for its caller
  size_t register_count = 0;
};

// Of exit()'s caller, where the process is ending by exit(), be it that main has returned; else of whoever called Weir. About 20 us.
CallerFrame find_caller_frame();

}  // namespace weir::leak
