// Allocates, uses and frees, over and over: how often is the driver asked (SIMCUDA_COUNTS)?
//
//   cuda_pool_loop COUNT waits|queues|reads|idles [pinned|pitched]
//
// waits: the program waits for its work before the free; queues: it does not, but for every thousandth; reads: it copies some
// of the block back, in the legacy default stream, to which all streams are ordered; idles: there is no work. Prints how long one round took,
// in nanoseconds.
#include <chrono>
#include <cstring>

#include "must.h"

namespace {

constexpr size_t kBytes = 3 * kMiB, kRowBytes = 3000;
constexpr unsigned long kWaitEvery = 1000;

struct Wishes {
  bool waits, queues, reads, pinned, pitched;
};

CUdeviceptr allocate(const Wishes& wishes) {
  CUdeviceptr address = 0;
  if (wishes.pinned) {
    void* host = nullptr;
    MUST(cuMemHostAlloc(&host, kBytes, 0));
    address = reinterpret_cast<uintptr_t>(host);
  } else if (wishes.pitched) {
    size_t pitch = 0;
    MUST(cuMemAllocPitch_v2(&address, &pitch, kRowBytes, kBytes / kRowBytes, 4));
    if (pitch < kRowBytes) fail();
  } else {
    MUST(cuMemAlloc_v2(&address, kBytes));
  }
  return address;
}

void release(const Wishes& wishes, CUdeviceptr address) {
  if (wishes.pinned) {
    MUST(cuMemFreeHost(reinterpret_cast<void*>(address)));
  } else {
    MUST(cuMemFree_v2(address));
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const unsigned long rounds = strtoul(arguments[1], nullptr, 0);
  const auto is = [&](const char* use) { return strcmp(arguments[2], use) == 0; };
  const auto kind = [&](const char* of) { return count > 3 && strcmp(arguments[3], of) == 0; };
  const Wishes wishes{is("waits"), !is("idles"), is("reads"), kind("pinned"), kind("pitched")};
  MUST(cuInit(0));
  enter(0);
  CUstream stream = nullptr;
  MUST(cuStreamCreate(&stream, wishes.reads ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING));
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned long i = 0; i < rounds; ++i) {
    const CUdeviceptr address = allocate(wishes);
    if (wishes.queues) MUST(cuMemsetD8Async(address, 1, 64, stream));
    if (wishes.waits) MUST(cuCtxSynchronize());
    unsigned char some[64];
    if (wishes.reads) MUST(cuMemcpyDtoH_v2(some, address, sizeof some));
    release(wishes, address);
    // The program's own bound on what it queues: of a stream, which says nothing of others.
    if (wishes.queues && i % kWaitEvery == kWaitEvery - 1) MUST(cuStreamSynchronize(stream));
  }
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  std::printf("{\"rounds\":%lu,\"ns_per_round\":%.1f}\n", rounds, taken.count() / static_cast<double>(rounds));
  return 0;
}
