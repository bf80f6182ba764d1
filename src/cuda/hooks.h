// The wrappers that stand before the driver's functions.
#pragma once

#include "cuda/entry_points.h"

namespace weir::cuda {

// What a program gets in place of that function of the driver's: its wrapper, or, where there is none, the function itself.
void* hook_instead_of(void* function);

// The same for what cuGetProcAddress() gives for a name. One of the list's names whose function lies at no address that the list's have
// is kept: its calls are not seen.
void* hook_for_asked(const char* name, void* function);

// How many such functions were given, and the first one's name ("" where there is none).
uint64_t unrecognised_count();
const char* first_unrecognised();

// The wrapper for a program that has looked the entry up and would have got the driver's own function.
void* hook_of(Entry entry);

}  // namespace weir::cuda
