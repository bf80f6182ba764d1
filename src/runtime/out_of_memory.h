// A request of the host's heap that could not be served goes into the report, with who held the memory (WEIR_OOM_REPORT).
#pragma once

#include "core/guard.h"
#include "runtime/runtime.h"
#include "runtime/thread_state.h"

namespace weir::runtime {

void note_out_of_memory(const core::Inside& inside, ThreadState& thread, const stack::Registers& caller,
                        const Request& request);

void out_of_memory_reset_after_fork();

}  // namespace weir::runtime
