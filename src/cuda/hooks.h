// The wrappers that stand before the driver's functions.
#pragma once

#include "cuda/entry_points.h"

namespace weir::cuda {

// What a program gets in place of that function of the driver's: its wrapper, or, where there is none, the function itself.
void* hook_instead_of(void* function);

// The wrapper for a program that has looked the entry up and would have got the driver's own function.
void* hook_of(Entry entry);

}  // namespace weir::cuda
