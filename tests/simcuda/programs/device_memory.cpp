// Uses CUDA's driver as its argument says, each time from a function whose name tells what becomes of the memory.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "must.h"

namespace {

volatile int after_call;  // so that no call below is a jump

#define NOINLINE __attribute__((noinline))

// ---- leaks: one of each kind is left, one is freed ----

NOINLINE CUdeviceptr leak_device(size_t bytes) {
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, bytes));
  after_call = 1;
  return address;
}

NOINLINE void leak_pitched() {
  CUdeviceptr address = 0;
  size_t pitch = 0;
  MUST(cuMemAllocPitch_v2(&address, &pitch, 1000, 10, 4));
  after_call = static_cast<int>(pitch);
}

NOINLINE void leak_managed() {
  CUdeviceptr address = 0;
  MUST(cuMemAllocManaged(&address, 3000, CU_MEM_ATTACH_GLOBAL));
  after_call = 1;
}

NOINLINE void leak_pinned() {
  void* address = nullptr;
  MUST(cuMemHostAlloc(&address, 4000, 0));
  after_call = 1;
}

NOINLINE void leak_registration() {
  MUST(cuMemHostRegister_v2(aligned_alloc(4096, 8192), 8192, 0));
  after_call = 1;
}

NOINLINE void leak_in_stream() {
  CUdeviceptr address = 0;
  CUstream stream = nullptr;
  MUST(cuStreamCreate(&stream, CU_STREAM_DEFAULT));
  MUST(cuMemAllocAsync(&address, 6000, stream));
  MUST(cuStreamSynchronize(stream));
}

NOINLINE void leak_array() {
  CUarray array = nullptr;
  const CUDA_ARRAY3D_DESCRIPTOR shape{64, 8, 2, CU_AD_FORMAT_FLOAT, 2, 0};
  MUST(cuArray3DCreate_v2(&array, &shape));
  after_call = 1;
}

struct Physical {
  CUmemGenericAllocationHandle handle;
  CUdeviceptr range;
};

// 2 MiB of physical memory at the start of a reserved range.
Physical map_physical(size_t reserved_bytes) {
  Physical memory{};
  CUmemAllocationProp wish{};
  wish.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  wish.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  MUST(cuMemCreate(&memory.handle, 2 * kMiB, &wish, 0));
  MUST(cuMemAddressReserve(&memory.range, reserved_bytes, 0, 0, 0));
  MUST(cuMemMap(memory.range, 2 * kMiB, 0, memory.handle, 0));
  return memory;
}

// The handle is mapped, which is not a second allocation.
NOINLINE void leak_physical() {
  map_physical(4 * kMiB);
  after_call = 1;
}

NOINLINE void leave_by_graph() {
  CUstream stream = nullptr;
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  CUdeviceptr left = 0, freed = 0;
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  MUST(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  MUST(cuMemAllocAsync(&left, 7000, stream));
  MUST(cuMemAllocAsync(&freed, 9000, stream));
  MUST(cuMemFreeAsync(freed, stream));
  MUST(cuStreamEndCapture(stream, &graph));
  MUST(cuGraphInstantiateWithFlags(&exec, graph, 0));
  MUST(cuGraphLaunch(exec, stream));
  MUST(cuStreamSynchronize(stream));
}

void leaks() {
  enter(0);
  leak_device(1000);
  leak_pitched();
  leak_managed();
  leak_pinned();
  leak_registration();
  leak_in_stream();
  leak_array();
  leak_physical();
  leave_by_graph();
  MUST(cuMemFree_v2(leak_device(5000)));
}

// ---- two_devices ----

void two_devices() {
  for (int device = 0; device < 2; ++device) {
    enter(device);
    leak_device(1000u * (static_cast<unsigned>(device) + 1));
  }
}

// ---- context_end ----

NOINLINE void left_in_context() {
  leak_device(2000);
  leak_pinned();
}

void context_end() {
  enter(0);
  leak_device(100);
  CUcontext context = nullptr;
  MUST(cuCtxCreate_v2(&context, 0, 0));
  left_in_context();
  MUST(cuCtxDestroy_v2(context));
}

void primary_reset() {
  enter(0);
  left_in_context();
  MUST(cuDevicePrimaryCtxReset_v2(0));
  enter(0);
  leak_device(300);
}

// ---- errors ----

NOINLINE CUresult free_first(CUdeviceptr address) {
  return cuMemFree_v2(address) == CUDA_SUCCESS ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

NOINLINE int free_again(CUdeviceptr address) {
  const int result = cuMemFree_v2(address);
  after_call = result;
  return result;
}

void errors() {
  enter(0);
  const CUdeviceptr address = leak_device(1000);
  MUST(free_first(address));
  std::printf("%d\n", free_again(address));
  const CUdeviceptr other = leak_device(2000);
  std::printf("%d\n", free_again(other + 512));
  std::printf("%d\n", free_again(0x1234000));
  void* pinned = nullptr;
  MUST(cuMemHostAlloc(&pinned, 4000, 0));
  std::printf("%d\n", free_again(reinterpret_cast<CUdeviceptr>(pinned)));
  MUST(cuMemFreeHost(pinned));
  std::printf("%d\n", free_again(0));
}

// ---- out_of_memory ----

NOINLINE void hoard() {
  for (int i = 0; i < 3; ++i) leak_device(10 * kMiB);
}

void out_of_memory() {
  enter(0);
  hoard();
  CUdeviceptr address = 0;
  std::printf("%d\n", cuMemAlloc_v2(&address, size_t{1} << 40));
}

// ---- transfers ----

NOINLINE void copy_many_small(CUdeviceptr to, const char* from) {
  for (size_t i = 0; i < 200; ++i) MUST(cuMemcpyHtoD_v2(to + i, from + i, 1));
}

NOINLINE void copy_pageable(CUdeviceptr to, const char* from) {
  MUST(cuMemcpyHtoD_v2(to, from, kMiB));
  after_call = 1;
}

NOINLINE void copy_pinned(char* to, CUdeviceptr from) {
  MUST(cuMemcpyDtoHAsync_v2(to, from, kMiB, nullptr));
  after_call = 1;
}

void transfers() {
  enter(0);
  const CUdeviceptr device = leak_device(2 * kMiB);
  auto* pageable = static_cast<char*>(calloc(1, kMiB));
  void* pinned = nullptr;
  MUST(cuMemHostAlloc(&pinned, kMiB, 0));
  copy_many_small(device, pageable);
  copy_pageable(device, pageable);
  copy_pinned(static_cast<char*>(pinned), device);
  MUST(cuMemcpyDtoD_v2(device + kMiB, device, kMiB));
  MUST(cuMemcpy(device, reinterpret_cast<CUdeviceptr>(pinned), kMiB));
  MUST(cuMemsetD32_v2(device, 7, kMiB / 4));
  CUDA_MEMCPY2D shape{};
  shape.srcMemoryType = CU_MEMORYTYPE_HOST;
  shape.srcHost = pageable;
  shape.srcPitch = 1024;
  shape.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  shape.dstDevice = device;
  shape.dstPitch = 1024;
  shape.WidthInBytes = 100;
  shape.Height = 10;
  MUST(cuMemcpy2D_v2(&shape));
  MUST(cuCtxSynchronize());
}

// ---- forked: what the parent has is the parent's ----

void forked() {
  enter(0);
  leak_device(1000);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
}

// ---- threads ----

void threads() {
  enter(0);
  std::thread others[3];
  for (std::thread& other : others) {
    other = std::thread([] {
      enter(0);
      leak_device(1000);
    });
  }
  for (std::thread& other : others) other.join();
}

// ---- mapped_only: a handle that is released while its memory is mapped; one such mapping is taken away ----

NOINLINE CUdeviceptr map_and_release() {
  const Physical memory = map_physical(2 * kMiB);
  MUST(cuMemRelease(memory.handle));
  return memory.range;
}

void mapped_only() {
  enter(0);
  map_and_release();
  MUST(cuMemUnmap(map_and_release(), 2 * kMiB));
  const CUdeviceptr again = map_and_release();
  CUmemGenericAllocationHandle handle = 0;
  MUST(cuMemRetainAllocationHandle(&handle, reinterpret_cast<void*>(again)));
  MUST(cuMemUnmap(again, 2 * kMiB));
  MUST(cuMemRelease(handle));
}

// ---- wrong_end: the end of a capture is asked for on a stream that is not capturing ----

void wrong_end() {
  enter(0);
  CUstream capturing = nullptr, other = nullptr;
  CUgraph graph = nullptr, none = nullptr;
  CUdeviceptr address = 0;
  MUST(cuStreamCreate(&capturing, CU_STREAM_NON_BLOCKING));
  MUST(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  MUST(cuStreamBeginCapture_v2(capturing, CU_STREAM_CAPTURE_MODE_RELAXED));
  std::printf("%d\n", cuStreamEndCapture(other, &none));
  MUST(cuMemAllocAsync(&address, 7000, capturing));
  MUST(cuMemFreeAsync(address, capturing));
  MUST(cuStreamEndCapture(capturing, &graph));
  MUST(cuGraphDestroy(graph));
}

// ---- late_free: after the context's end ----

void late_free() {
  enter(0);
  const CUdeviceptr address = leak_device(1000);
  MUST(cuDevicePrimaryCtxReset_v2(0));
  enter(0);
  std::printf("%d\n", free_again(address));
}

// ---- device_only: nothing else is left ----

void device_only() {
  enter(0);
  leak_device(1000);
  fflush(stdout);
}

struct Case {
  const char* name;
  void (*run)();
};
constexpr Case kCases[] = {{"leaks", leaks},
                           {"two_devices", two_devices},
                           {"context_end", context_end},
                           {"errors", errors},
                           {"primary_reset", primary_reset},
                           {"out_of_memory", out_of_memory},
                           {"transfers", transfers},
                           {"forked", forked},
                           {"mapped_only", mapped_only},
                           {"wrong_end", wrong_end},
                           {"late_free", late_free},
                           {"device_only", device_only},
                           {"threads", threads}};

}  // namespace

int main(int argc, char** argv) {
  MUST(cuInit(0));
  for (const Case& one : kCases) {
    if (argc == 2 && std::strcmp(argv[1], one.name) == 0) {
      one.run();
      return 0;
    }
  }
  return 2;
}
