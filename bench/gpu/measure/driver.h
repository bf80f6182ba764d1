// What the measuring programs share. They call the driver itself and need no runtime, so that they run on the simulated
// device too; each prints one JSON value on stdout.
#pragma once

#include <cuda.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#define CHECK(call) check_call((call), #call, __FILE__, __LINE__)

constexpr size_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024;

inline std::string name_of(CUresult result) {
  const char* name = nullptr;
  if (result == CUDA_SUCCESS) return "ok";
  if (cuGetErrorName(result, &name) == CUDA_SUCCESS && name != nullptr) return name;
  return std::to_string(static_cast<int>(result));
}

inline void check_call(CUresult result, const char* call, const char* file, int line) {
  if (result == CUDA_SUCCESS) return;
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, call, name_of(result).c_str());
  exit(2);
}

inline double now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <class Body>
double timed_ns(Body body) {
  const double start = now_ns();
  body();
  return now_ns() - start;
}

// The value below which this share of them lies.
inline double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}
inline double median(const std::vector<double>& values) { return quantile(values, 0.5); }

inline size_t used_bytes() {
  size_t free_bytes = 0, total_bytes = 0;
  CHECK(cuMemGetInfo(&free_bytes, &total_bytes));
  return total_bytes - free_bytes;
}

// The first device's primary context, current; returns the device.
inline CUdevice start() {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CHECK(cuInit(0));
  CHECK(cuDeviceGet(&device, 0));
  CHECK(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cuCtxSetCurrent(context));
  return device;
}

inline CUmemAllocationProp on_device(CUdevice device) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device;
  return properties;
}

// A kernel that keeps a stream busy. It is PTX, so that no compiler for the device is needed.
class Delay {
 public:
  Delay() {
    CUmodule module = nullptr;
    CHECK(cuModuleLoadData(&module, kSpin));
    CHECK(cuModuleGetFunction(&function_, module, "spin"));
    launch(nullptr, 1);
    CHECK(cuCtxSynchronize());
  }

  void launch(CUstream stream, uint64_t nanoseconds) const {
    void* arguments[] = {&nanoseconds};
    CHECK(cuLaunchKernel(function_, 1, 1, 1, 1, 1, 1, 0, stream, arguments, nullptr));
  }

 private:
  static constexpr char kSpin[] = R"(
.version 6.3
.target sm_75
.address_size 64
.visible .entry spin(.param .u64 nanoseconds) {
  .reg .u64 %limit, %first, %now;
  .reg .pred %again;
  ld.param.u64 %limit, [nanoseconds];
  mov.u64 %first, %globaltimer;
again:
  mov.u64 %now, %globaltimer;
  sub.u64 %now, %now, %first;
  setp.lt.u64 %again, %now, %limit;
  @%again bra again;
  ret;
}
)";

  CUfunction function_ = nullptr;
};

// Objects of a JSON array, one a line.
class Rows {
 public:
  Rows() { printf("["); }
  ~Rows() { printf("]\n"); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  void add(const std::string& object) {
    printf("%s%s", first_ ? "\n" : ",\n", object.c_str());
    first_ = false;
  }

 private:
  bool first_ = true;
};

__attribute__((format(printf, 1, 2))) inline std::string text(const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return buffer;
}
