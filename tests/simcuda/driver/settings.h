// What the environment asks of the simulated driver. Read once.
//
//   SIMCUDA_DEVICES=2        how many devices; 0: cuInit() says that there is none
//   SIMCUDA_MEMORY=8589934592  bytes of each; they are taken as DeviceMemory::rounded() says
//   SIMCUDA_LOG=FILE         a line of JSON for each call that allocates, frees, copies or launches, and for what it caused
//   SIMCUDA_LOG_ALL=1        and one for each other call
//   SIMCUDA_COUNTS=FILE      at exit a line of JSON: how often each function was called, and each device's peak of bytes in use
//   SIMCUDA_FAIL=CALL:N=CODE[,...]  the Nth call of that name (from 1; 0: every one) gives this error
//   SIMCUDA_SLOW=CALL=MICROSECONDS[,...]  how long the call takes at least
//   SIMCUDA_READS_PAGEABLE=1 the devices say that they read pageable memory themselves
//   SIMCUDA_KERNEL_US=N      how long a kernel without a host function takes
//   SIMCUDA_VERSION=13000    what cuDriverGetVersion() says; cuGetProcAddress() knows no function that came later. dlsym() does: for a
//                            driver without them there is simcuda/old/libcuda.so.1, of version 11020.
//   SIMCUDA_KERNELS=FILE     a library with host functions for kernels: see kernels.h
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace simcuda {

struct Settings {
  int devices = 1;
  size_t memory_bytes = size_t{8} << 30;
  std::string log_file;
  bool logs_all = false;
  std::string counts_file;
  bool reads_pageable = false;
  int kernel_microseconds = 0;
  int version = 0;
  std::string kernels_file;
};
const Settings& settings();

// CUDA_SUCCESS, or the error that this call is to give. Takes as long as the call is to take.
CUresult injected_result(const char* call);

}  // namespace simcuda
