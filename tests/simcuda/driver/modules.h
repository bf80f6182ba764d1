// Modules and libraries, whose variables are memory of a context.
#pragma once

#include "context.h"

namespace simcuda {

struct Shape {
  unsigned grid[3], block[3];
};
// What a stream runs for a launch of a kernel (CUfunction or CUkernel). The arguments are the caller's again at return.
Task kernel_task(CUfunction function, const Shape& shape, void** arguments);

// Its modules are gone with it, and of libraries the variables that it had.
void forget_modules_of(const Context& context);

}  // namespace simcuda
