// The process's memory as the kernel sees it.
#pragma once

#include <cstdint>

namespace weir::report {

struct ProcessMemory {
  bool known;
  uint64_t rss_bytes;
  uint64_t peak_rss_bytes;
};
// Reads /proc/self/status with raw system calls; not known where /proc cannot be read.
ProcessMemory read_process_memory();

}  // namespace weir::report
