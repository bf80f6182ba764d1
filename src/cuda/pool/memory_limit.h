// How much memory the process may use, and how much of that is in use: of its control group, where that has a limit, else of the machine.
#pragma once

#include <cstdint>

namespace weir::cuda::pool {

// A share from 0 to 1; 0 where it cannot be told. Reads a few small files of the kernel's: for the slow path. Source: the kernel's
// documentation of control groups, version 2 (memory.current, memory.max), and of /proc/meminfo.
double host_memory_in_use();

// How much the process may use at the most, and how much of that could be had now without swapping: what only files' pages take could. Bytes;
// 0 where it cannot be told.
struct HostMemory {
  uint64_t most_bytes, available_bytes;
};
HostMemory host_memory();

}  // namespace weir::cuda::pool
