// Modules and libraries, whose variables are memory of a context.
#pragma once

#include "context.h"

namespace simcuda {

// Its modules are gone with it, and of libraries the variables that it had.
void forget_modules_of(const Context& context);

}  // namespace simcuda
