#pragma once

#include "context.h"

namespace simcuda {

// What was imported in it is gone with it.
void forget_externals_of(const Context& context);

}  // namespace simcuda
