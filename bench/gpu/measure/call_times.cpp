// How long an allocation and its release take, by kind and size, on an idle device and behind a kernel of one millisecond.
#include <cstring>

#include "driver.h"

namespace {

constexpr uint64_t kKernelNs = 1000000;
constexpr size_t kSizes[] = {256, 4 * kKiB, 64 * kKiB, kMiB, 2 * kMiB, 16 * kMiB, 128 * kMiB, kGiB};
// Pinning a page takes so long that larger ones have a program of their own (pinned_cost.cpp).
constexpr size_t kMostPinned = 16 * kMiB;

struct Kind {
  const char* name;
  void* (*allocate)(size_t bytes);
  void (*release)(void* memory);
};

void* pointer(CUdeviceptr address) { return reinterpret_cast<void*>(address); }
CUdeviceptr address(void* memory) { return reinterpret_cast<CUdeviceptr>(memory); }

void* allocate_linear(size_t bytes) {
  CUdeviceptr block = 0;
  CHECK(cuMemAlloc(&block, bytes));
  return pointer(block);
}
void* allocate_managed(size_t bytes) {
  CUdeviceptr block = 0;
  CHECK(cuMemAllocManaged(&block, bytes, CU_MEM_ATTACH_GLOBAL));
  return pointer(block);
}
void* allocate_async(size_t bytes) {
  CUdeviceptr block = 0;
  CHECK(cuMemAllocAsync(&block, bytes, nullptr));
  return pointer(block);
}
void* allocate_pinned(size_t bytes) {
  void* block = nullptr;
  CHECK(cuMemHostAlloc(&block, bytes, 0));
  return block;
}
void release(void* memory) { CHECK(cuMemFree(address(memory))); }
void release_async(void* memory) { CHECK(cuMemFreeAsync(address(memory), nullptr)); }
void release_pinned(void* memory) { CHECK(cuMemFreeHost(memory)); }

constexpr Kind kKinds[] = {{"device", allocate_linear, release},
                           {"managed", allocate_managed, release},
                           {"async", allocate_async, release_async},
                           {"pinned", allocate_pinned, release_pinned}};

std::string measure(const Kind& kind, size_t bytes, const Delay* delay, int times) {
  std::vector<double> allocations, releases;
  for (int i = 0; i < times; ++i) {
    void* memory = nullptr;
    if (delay != nullptr) delay->launch(nullptr, kKernelNs);
    allocations.push_back(timed_ns([&] { memory = kind.allocate(bytes); }));
    CHECK(cuCtxSynchronize());
    if (delay != nullptr) delay->launch(nullptr, kKernelNs);
    releases.push_back(timed_ns([&] { kind.release(memory); }));
    CHECK(cuCtxSynchronize());
  }
  return text(R"({"kind": "%s", "bytes": %zu, "behind_kernel": %s, "alloc_ns": %.0f, "free_ns": %.0f, )"
              R"("alloc_p90_ns": %.0f, "free_p90_ns": %.0f})",
              kind.name, bytes, delay != nullptr ? "true" : "false", median(allocations), median(releases),
              quantile(allocations, 0.9), quantile(releases, 0.9));
}

}  // namespace

// Argument: how often each is done on an idle device. Large blocks, and all behind a kernel, a fifth as often.
int main(int count, char** arguments) {
  const int times = count > 1 ? std::max(atoi(arguments[1]), 5) : 50;
  start();
  const Delay delay;
  Rows rows;
  for (const Kind& kind : kKinds) {
    for (const size_t bytes : kSizes) {
      if (strcmp(kind.name, "pinned") == 0 && bytes > kMostPinned) continue;
      rows.add(measure(kind, bytes, nullptr, bytes >= kMostPinned ? times / 5 : times));
      rows.add(measure(kind, bytes, &delay, times / 5));
    }
  }
}
