// For programs that use the driver: what they cannot go on without.
#pragma once

#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

// Other threads may be at work: nothing of theirs is taken from under them.
[[noreturn]] inline void fail() {
  std::fflush(nullptr);
  std::_Exit(1);
}

#define MUST(call)                                                            \
  do {                                                                        \
    const CUresult must_result = call;                                        \
    if (must_result != CUDA_SUCCESS) {                                        \
      std::fprintf(stderr, "%s: %d\n", #call, static_cast<int>(must_result)); \
      fail();                                                                 \
    }                                                                         \
  } while (0)

constexpr size_t kMiB = size_t{1} << 20;

// The device's primary context, retained and current in this thread.
inline CUcontext enter(int device) {
  CUcontext context = nullptr;
  MUST(cuDevicePrimaryCtxRetain(&context, device));
  MUST(cuCtxSetCurrent(context));
  return context;
}
