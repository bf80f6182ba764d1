// What a test does in another process: this program again, by exec, for a forked process has no driver.
#pragma once

#include <cuda.h>

#include <cstddef>

namespace simcuda {

// Input of "import-pool": a pool, and memory from it.
struct SharedPool {
  int file;  // inherited
  CUmemPoolPtrExportData pointer;
};

// The exit status of the process that does what `role` says with `bytes` of input; -1 where it was not the process's own.
int run_other_process(const char* role, const void* input, size_t bytes);

// The part of the other process: how it ends. -1: `role` is none.
int play_role(const char* role);

}  // namespace simcuda
