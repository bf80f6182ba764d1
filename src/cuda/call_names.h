// The name of the call that the program made: cudaMalloc, where the driver's cuMemAlloc was reached through a runtime that is a library.
// Taken from the stack, so that no function of the runtime's needs to be stood before.
#pragma once

#include "core/ids.h"
#include "cuda/entry_points.h"

namespace weir::cuda {

// By the first call with that stack; to be asked while the modules on the stack are loaded. The text lives as long as the process.
// Cost: one look into a table, once the stack is known.
const char* call_name_of(core::StackId stack, Entry entry);

void call_names_reset_after_fork();

}  // namespace weir::cuda
