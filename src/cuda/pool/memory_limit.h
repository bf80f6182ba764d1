// How much of the memory that the process may use is in use: of its control group, where that has a limit, else of the machine.
#pragma once

namespace weir::cuda::pool {

// A share from 0 to 1; 0 where it cannot be told. Reads a few small files of the kernel's: for the slow path. Source: the kernel's
// documentation of control groups, version 2 (memory.current, memory.max), and of /proc/meminfo.
double host_memory_in_use();

}  // namespace weir::cuda::pool
