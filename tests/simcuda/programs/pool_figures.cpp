// Uses CUDA's memory in ways whose figures are known beforehand, one by one as its argument says.
#include <unistd.h>

#include <cstring>

#include "must.h"

namespace {

CUdeviceptr allocate(size_t bytes) {
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, bytes));
  return address;
}

void allocate_and_free(size_t bytes) { MUST(cuMemFree_v2(allocate(bytes))); }

void* allocate_pinned(size_t bytes) {
  void* address = nullptr;
  MUST(cuMemHostAlloc(&address, bytes, 0));
  return address;
}

// Three blocks from the driver, two of them in the program's hands at the end; 97 times one is handed out again.
void reuse() {
  allocate(5000);
  allocate(3 * kMiB);
  for (int i = 0; i < 98; ++i) allocate_and_free(1000);
  allocate_pinned(70'000);
  for (int i = 0; i < 10; ++i) MUST(cuMemFreeHost(allocate_pinned(8192)));
}

// Ten idle blocks stand in the way of one that needs the whole device, and then nothing helps.
void flush() {
  size_t free_bytes = 0, total_bytes = 0;
  CUdeviceptr blocks[10];
  for (CUdeviceptr& block : blocks) block = allocate(4 * kMiB);
  for (const CUdeviceptr block : blocks) MUST(cuMemFree_v2(block));
  MUST(cuMemGetInfo_v2(&free_bytes, &total_bytes));
  MUST(cuMemFree_v2(allocate(free_bytes - 4 * kMiB)));
  CUdeviceptr none = 0;
  if (cuMemAlloc_v2(&none, total_bytes + 1) == CUDA_SUCCESS) std::exit(1);
}

// Time passes between the calls, so that the driver is asked again.
void fill_slowly() {
  size_t free_bytes = 0, total_bytes = 0;
  MUST(cuMemGetInfo_v2(&free_bytes, &total_bytes));
  for (int tenth = 0; tenth < 9; ++tenth) {
    usleep(20'000);
    allocate(total_bytes / 10);
  }
}

// Idle blocks of many sizes: none is a large part of them all.
void scatter() {
  CUdeviceptr blocks[10];
  for (size_t i = 0; i < 10; ++i) blocks[i] = allocate((i + 1) * 2 * kMiB);
  for (const CUdeviceptr block : blocks) MUST(cuMemFree_v2(block));
  usleep(20'000);
  allocate(512);
}

// Device memory grows by 1 MiB each 20 ms, up to 20 MiB and 5 MiB of pinned memory, and goes the same way.
void grow_and_shrink() {
  constexpr int kSteps = 20;
  constexpr useconds_t kStepUs = 20'000;
  CUdeviceptr blocks[kSteps];
  void* pinned = nullptr;
  for (CUdeviceptr& block : blocks) {
    block = allocate(kMiB);
    usleep(kStepUs);
  }
  pinned = allocate_pinned(5 * kMiB);
  usleep(kStepUs);
  for (const CUdeviceptr block : blocks) {
    MUST(cuMemFree_v2(block));
    usleep(kStepUs);
  }
  MUST(cuMemFreeHost(pinned));
}

}  // namespace

int main(int, char** arguments) {
  MUST(cuInit(0));
  enter(0);
  if (std::strcmp(arguments[1], "reuse") == 0) reuse();
  if (std::strcmp(arguments[1], "flush") == 0) flush();
  if (std::strcmp(arguments[1], "fill_slowly") == 0) fill_slowly();
  if (std::strcmp(arguments[1], "scatter") == 0) scatter();
  if (std::strcmp(arguments[1], "grow_and_shrink") == 0) grow_and_shrink();
  if (std::strcmp(arguments[1], "nothing") == 0) MUST(cuCtxSynchronize());
  return 0;
}
