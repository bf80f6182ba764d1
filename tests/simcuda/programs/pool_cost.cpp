// Allocates and frees, over and over, on a driver that does nothing: what does a call cost?
//
//   cuda_pool_cost PAIRS hits|loop [BATCHES]
//
// hits: many blocks at a time, and a synchronise of the program's own between frees and the next allocations: a pool hands them out without a
// call. loop: one block, freed and asked for again at once, where a pool has to ask the driver now and then. Prints the median of the batches: nanoseconds of one cuMemAlloc() and one cuMemFree() together.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "must.h"

namespace {

constexpr size_t kBytes = 3 * kMiB;

constexpr unsigned long kBlocks = 100;

// In functions of their own, so that the calls come from one place.
__attribute__((noinline)) void hit(unsigned long pairs) {
  CUdeviceptr blocks[kBlocks];
  for (unsigned long done = 0; done < pairs; done += kBlocks) {
    for (CUdeviceptr& block : blocks) MUST(cuMemAlloc_v2(&block, kBytes));
    for (const CUdeviceptr block : blocks) MUST(cuMemFree_v2(block));
    MUST(cuCtxSynchronize());
  }
}

__attribute__((noinline)) void loop(unsigned long pairs) {
  for (unsigned long i = 0; i < pairs; ++i) {
    CUdeviceptr address = 0;
    MUST(cuMemAlloc_v2(&address, kBytes));
    MUST(cuMemFree_v2(address));
  }
}

double ns_a_pair(void (*run)(unsigned long), unsigned long pairs) {
  const auto begin = std::chrono::steady_clock::now();
  run(pairs);
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  return taken.count() / static_cast<double>(pairs);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const unsigned long pairs = strtoul(arguments[1], nullptr, 10);
  const auto run = strcmp(arguments[2], "hits") == 0 ? hit : loop;
  const size_t batches = count > 3 ? strtoul(arguments[3], nullptr, 10) : 1;
  MUST(cuInit(0));
  enter(0);
  run(10);
  std::vector<double> times(batches);
  for (double& time : times) time = ns_a_pair(run, pairs);
  std::sort(times.begin(), times.end());
  std::printf("{\"ns_per_pair\":%.2f}\n", times[batches / 2]);
  return 0;
}
