// The process's threads as /proc/self/task lists them, by raw system calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::leak {

// How many threads the process has; 0 where /proc does not tell. One system call.
size_t thread_count();

// Calls visit(context, name) for the number of each thread, as /proc counts them: in a PID namespace without a /proc of its own these
// are not the numbers by which the process knows its threads (task_status.h tells those). Threads that begin or end meanwhile may be
// missing. False where the list cannot be read.
bool for_each_task(void (*visit)(void* context, int task), void* context);

}  // namespace weir::leak
