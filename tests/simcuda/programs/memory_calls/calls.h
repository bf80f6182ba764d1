// The driver's functions by pointers, which one of several routes has filled: see main.cpp.
#pragma once

#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>

// What the walks need beside the functions of memory_calls.inc.
#define OTHER_CALLS(X)         \
  X(cuInit)                    \
  X(cuDevResourceGenerateDesc) \
  X(cuDeviceGetDevResource)    \
  X(cuDeviceGetDefaultMemPool) \
  X(cuEventRecord)             \
  X(cuGraphAddEmptyNode)       \
  X(cuMemPoolExportPointer)    \
  X(cuMemPoolExportToShareableHandle)

namespace memory_calls {

struct Driver {
#define CALL(name) decltype(&::name) name;
#define SIMCUDA_MEMORY_CALL CALL
#include "memory_calls.inc"
#undef SIMCUDA_MEMORY_CALL
  OTHER_CALLS(CALL)
#undef CALL
};
extern Driver driver;

inline constexpr const char* kNames[] = {
#define NAME(name) #name,
#define SIMCUDA_MEMORY_CALL NAME
#include "memory_calls.inc"
#undef SIMCUDA_MEMORY_CALL
    OTHER_CALLS(NAME)
#undef NAME
};
inline constexpr int kNameCount = sizeof kNames / sizeof kNames[0];
static_assert(sizeof(Driver) == sizeof kNames);

// Says on stderr what answered otherwise than expected, and counts it.
void expect(CUresult expected, CUresult result, const char* call, const char* file, int line);
#define EXPECT_RESULT(expected, call) memory_calls::expect(expected, call, #call, __FILE__, __LINE__)
#define EXPECT_OK(call) EXPECT_RESULT(CUDA_SUCCESS, call)
#define EXPECT_INVALID(call) EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, call)
// A function in its two forms.
#define EXPECT_BOTH_OK(name, suffix, ...) \
  EXPECT_OK(driver.name(__VA_ARGS__));    \
  EXPECT_OK(driver.name##suffix(__VA_ARGS__))

inline void* pointer(CUdeviceptr address) { return reinterpret_cast<void*>(address); }
inline CUdeviceptr address_of(const void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

// Each leaves something on purpose: of every kind there is some left at the end.
void walk_linear();
void walk_host();
void walk_pools(CUstream stream);
void walk_virtual_memory();
void walk_arrays();
void walk_external();
void walk_multicast();
void walk_modules();
void walk_graphs(CUstream stream);
void walk_captures(CUstream stream);
void walk_copies(CUstream stream);
void walk_shaped_copies(CUstream stream);
void walk_batches(CUstream stream);
void walk_fills(CUstream stream);
void walk_look_up();
void walk_contexts();
void walk_queries();
void walk_current_contexts();
void walk_work(CUstream stream);

}  // namespace memory_calls
