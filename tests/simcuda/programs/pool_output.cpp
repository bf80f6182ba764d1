// Does what a program does that relies on what a free does besides: its output must be the same whatever serves the memory.
//
//   cuda_pool_output waits     reads mapped memory right after a free, which waits for what is queued
//   cuda_pool_output deferred, deferred_pinned  a free says that work queued before it failed
//   cuda_pool_output sticky    an error is met at a synchronise, and stays until the context ends
//   cuda_pool_output contents  blocks used and freed in turn, their contents read back
#include <unistd.h>

#include <cstring>
#include <iterator>

#include "must.h"

namespace {

constexpr size_t kBytes = 3 * kMiB;
constexpr useconds_t kDelay = 20'000;

CUstream stream;

CUdeviceptr take(size_t bytes) {
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, bytes));
  return address;
}

volatile int* take_pinned() {
  void* address = nullptr;
  MUST(cuMemHostAlloc(&address, 4096, CU_MEMHOSTALLOC_DEVICEMAP));
  memset(address, 0, 4096);
  return static_cast<int*>(address);
}

void delay(void*) { usleep(kDelay); }
void write_answer(void* address) { *static_cast<int*>(address) = 42; }

// Blocks of each kind that were freed before, for a pool to have some.
void warm_up() {
  for (int i = 0; i < 3; ++i) {
    MUST(cuMemFree_v2(take(kBytes)));
    MUST(cuMemFreeHost(const_cast<int*>(take_pinned())));
  }
  MUST(cuCtxSynchronize());
}

// ---- waits ----

void show_after_free(const char* what, volatile int* mapped, CUresult freed) {
  std::printf("%s: %d, then %d\n", what, freed, *mapped);
  *mapped = 0;
}

void waits() {
  volatile int* const mapped = take_pinned();
  const CUdeviceptr result = take(4096);
  MUST(cuMemsetD32_v2(result, 7, 1));
  const CUdeviceptr other = take(kBytes);
  MUST(cuLaunchHostFunc(stream, delay, nullptr));
  MUST(cuLaunchHostFunc(stream, write_answer, const_cast<int*>(mapped)));
  show_after_free("a host function", mapped, cuMemFree_v2(other));

  const CUdeviceptr another = take(kBytes);
  MUST(cuLaunchHostFunc(stream, delay, nullptr));
  MUST(cuMemcpyDtoHAsync_v2(const_cast<int*>(mapped), result, sizeof(int), stream));
  show_after_free("a copy", mapped, cuMemFree_v2(another));

  volatile int* const other_pinned = take_pinned();
  MUST(cuLaunchHostFunc(stream, delay, nullptr));
  MUST(cuLaunchHostFunc(stream, write_answer, const_cast<int*>(mapped)));
  show_after_free("pinned memory", mapped, cuMemFreeHost(const_cast<int*>(other_pinned)));

  MUST(cuLaunchHostFunc(nullptr, delay, nullptr));
  MUST(cuLaunchHostFunc(nullptr, write_answer, const_cast<int*>(mapped)));
  show_after_free("the default stream", mapped, cuMemFree_v2(result));
}

// ---- deferred ----

// Work beyond all memory, that fails when its time comes.
void queue_failure(CUdeviceptr address) {
  MUST(cuLaunchHostFunc(stream, delay, nullptr));
  MUST(cuMemsetD8Async(address, 1, size_t{1} << 40, stream));
}

CUresult allocate(size_t bytes) {
  CUdeviceptr address = 0;
  return cuMemAlloc_v2(&address, bytes);
}

void deferred() {
  const CUdeviceptr kept = take(kBytes), freed = take(kBytes);
  queue_failure(kept);
  std::printf("free: %d\n", cuMemFree_v2(freed));
  CUdeviceptr base = 0;
  std::printf("it is there: %d\n", cuPointerGetAttribute(&base, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, freed));
  std::printf("free again: %d\n", cuMemFree_v2(freed));
  std::printf("allocate: %d\n", allocate(kBytes));
}

void deferred_pinned() {
  const CUdeviceptr kept = take(kBytes);
  volatile int* const pinned = take_pinned();
  queue_failure(kept);
  std::printf("free pinned: %d\n", cuMemFreeHost(const_cast<int*>(pinned)));
}

// ---- sticky ----

void say(const char* what, CUresult result) {
  std::printf("%s: %d, synchronise: %d\n", what, result, cuCtxSynchronize());
}

void call_all(CUdeviceptr live, volatile int* pinned) {
  CUevent event = nullptr;
  void* host = nullptr;
  size_t free_bytes = 0;
  char byte = 0;
  say("allocate what was freed", allocate(kBytes));
  say("allocate anew", allocate(7 * kMiB));
  say("allocate too much", allocate(size_t{1} << 40));
  say("allocate pinned", cuMemHostAlloc(&host, 4096, 0));
  say("memory", cuMemGetInfo_v2(&free_bytes, nullptr));
  say("event", cuEventCreate(&event, 0));
  say("set", cuMemsetD8Async(live, 1, 1, stream));
  say("copy", cuMemcpyDtoH_v2(&byte, live, 1));
  say("stream", cuStreamSynchronize(stream));
  say("free", cuMemFree_v2(live));
  say("free null", cuMemFree_v2(0));
  say("free pinned", cuMemFreeHost(const_cast<int*>(pinned)));
}

void sticky() {
  CUcontext broken = nullptr;
  MUST(cuCtxCreate_v2(&broken, 0, 0));
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  warm_up();
  const CUdeviceptr live = take(kBytes);
  volatile int* const pinned = take_pinned();
  queue_failure(live);
  say("failed", CUDA_SUCCESS);
  call_all(live, pinned);
  std::printf("destroy: %d\n", cuCtxDestroy_v2(broken));

  enter(0);
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  const CUdeviceptr next = take(kBytes);
  call_all(next, take_pinned());
}

// ---- contents ----

void contents() {
  constexpr size_t kSizes[] = {100, 4096, kMiB, kBytes};
  unsigned sum = 0;
  for (unsigned round = 0; round < 200; ++round) {
    const size_t bytes = kSizes[round % std::size(kSizes)];
    const CUdeviceptr block = take(bytes), copy = take(bytes);
    unsigned char byte = 0;
    MUST(cuMemsetD8Async(block, static_cast<unsigned char>(round), bytes, stream));
    MUST(cuMemcpyDtoDAsync_v2(copy, block, bytes, stream));
    MUST(cuMemFree_v2(block));
    MUST(cuStreamSynchronize(stream));
    MUST(cuMemcpyDtoH_v2(&byte, copy + bytes - 1, 1));
    MUST(cuMemFree_v2(copy));
    sum = sum * 31 + byte;
  }
  std::printf("sum %u\n", sum);
}

struct Case {
  const char* name;
  void (*run)();
};
constexpr Case kCases[] = {{"waits", waits},
                           {"deferred", deferred},
                           {"deferred_pinned", deferred_pinned},
                           {"sticky", sticky},
                           {"contents", contents}};

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  MUST(cuInit(0));
  enter(0);
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  warm_up();
  for (const Case& one : kCases) {
    if (strcmp(arguments[1], one.name) == 0) {
      one.run();
      return 0;
    }
  }
  return 2;
}
