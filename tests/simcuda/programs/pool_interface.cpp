// Asks Weir's interface of CUDA's pools, as its argument says; prints what it was answered.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "../../../include/weir/weir.h"
#include "must.h"

namespace {

constexpr size_t kBlockBytes = 8 * kMiB;

void begin() {
  MUST(cuInit(0));
  enter(0);
}

CUdeviceptr take(size_t bytes) {
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, bytes));
  return address;
}

weir_pool_stats figures_of(int pool) {
  weir_pool_stats stats{};
  stats.struct_bytes = sizeof stats;
  if (weir_stats(pool, &stats) != 0) std::puts("no figures");
  return stats;
}

void show(const char* when, int pool) {
  const weir_pool_stats stats = figures_of(pool);
  std::printf("%s: allocated %zu live %zu cached %zu reserved %zu allocs %zu frees %zu hits %zu misses %zu\n", when,
              stats.allocated_bytes / kMiB, stats.live_count, stats.cached_bytes / kMiB, stats.reserved_bytes / kMiB,
              stats.alloc_count, stats.free_count, stats.hit_count, stats.miss_count);
}

void trim_by_steps() {
  begin();
  CUdeviceptr blocks[3];
  for (CUdeviceptr& block : blocks) block = take(kBlockBytes);
  MUST(cuMemFree_v2(blocks[0]));
  MUST(cuMemFree_v2(blocks[1]));
  show("freed two of three", 0);
  std::printf("trimmed %zu\n", static_cast<size_t>(weir_trim(kBlockBytes) / kMiB));
  show("trimmed to one", 0);
  blocks[0] = take(kBlockBytes);
  show("taken again", 0);
  MUST(cuMemFree_v2(blocks[0]));
  std::printf("compacted %zu\n", static_cast<size_t>(weir_compact() / kMiB));
  show("compacted", WEIR_ALL_DEVICES);
  const weir_pool_stats stats = figures_of(0);
  std::printf("device %d peak %zu hit rate %.2f\n", stats.memory_bytes > 0 && stats.used_bytes <= stats.memory_bytes,
              stats.peak_bytes / kMiB, stats.hit_rate);
  MUST(cuMemFree_v2(blocks[2]));
}

// What is live when the mode changes stays valid and can be freed in any later one.
void change_modes() {
  begin();
  CUdeviceptr kept = take(kBlockBytes);
  for (const char* mode : {"on", "off", "strict", "vmm", "off"}) {
    const int answer = weir_set("WEIR_CUDA_POOL", mode);
    const CUdeviceptr block = take(kBlockBytes);
    const unsigned char written = static_cast<unsigned char>(*mode);
    unsigned char read[2] = {};
    MUST(cuMemsetD8_v2(block, written, kBlockBytes));
    MUST(cuMemsetD8_v2(kept, written, 1));
    MUST(cuMemcpyDtoH_v2(&read[0], block + kBlockBytes - 1, 1));
    MUST(cuMemcpyDtoH_v2(&read[1], kept, 1));
    MUST(cuMemFree_v2(block));
    MUST(cuMemFree_v2(kept));
    kept = take(kBlockBytes);
    std::printf("%s: %d %d\n", mode, answer, read[0] == written && read[1] == written);
  }
  MUST(cuMemFree_v2(kept));
  weir_trim(0);
  show("off at last", 0);
}

void ask_what_is_pinned() {
  void* before = weir_pinned_alloc(kMiB, 0);  // no context yet: mlock
  begin();
  void* given = nullptr;
  void* registered = std::malloc(kMiB);
  MUST(cuMemHostAlloc(&given, kMiB, 0));
  MUST(cuMemHostRegister_v2(registered, kMiB, 0));
  char* asked = static_cast<char*>(weir_pinned_alloc(kMiB, WEIR_ZEROED));
  const CUdeviceptr on_device = take(kMiB);
  CUdeviceptr managed = 0;
  MUST(cuMemAllocManaged(&managed, kMiB, CU_MEM_ATTACH_GLOBAL));
  void* pageable = std::malloc(kMiB);
  std::printf("before %d given %d registered %d asked %d zero %d\n", weir_is_pinned(before),
              weir_is_pinned(static_cast<char*>(given) + 100), weir_is_pinned(registered),
              weir_is_pinned(asked + kMiB - 1), asked[0] == 0 && std::memcmp(asked, asked + 1, kMiB - 1) == 0);
  std::printf("device %d managed %d pageable %d\n", weir_is_pinned(reinterpret_cast<void*>(on_device)),
              weir_is_pinned(reinterpret_cast<void*>(managed)), weir_is_pinned(pageable));
  CUmemorytype type{};
  MUST(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(asked)));
  std::printf("the driver's own %d\n", type == CU_MEMORYTYPE_HOST);
  std::printf("pageable freed %d\n", weir_pinned_free(pageable));
  std::printf("asked freed %d\n", weir_pinned_free(asked));
  std::printf("before freed %d\n", weir_pinned_free(before));
  MUST(cuMemHostUnregister(registered));
  std::printf("registered no more: %d\n", weir_is_pinned(registered));
  std::free(registered);
  MUST(cuMemFreeHost(given));
  MUST(cuMemFree_v2(managed));
  MUST(cuMemFree_v2(on_device));
}

// Page-locked for its copies, and not by the program (WEIR_HOST_PIN_ABOVE).
void trim_host_blocks() {
  begin();
  const CUdeviceptr on_device = take(kBlockBytes);
  char* const block = static_cast<char*>(std::malloc(kBlockBytes));
  std::memset(block, 1, kBlockBytes);
  MUST(cuMemcpyHtoD_v2(on_device, block, kBlockBytes));
  std::printf("pinned %d\n", weir_is_pinned(block));
  std::printf("live: trimmed %llu\n", static_cast<unsigned long long>(weir_trim(0)) / kMiB);
  std::free(block);
  std::printf("freed: trimmed %llu\n", static_cast<unsigned long long>(weir_trim(0)) / kMiB);
  std::printf("again: trimmed %llu\n", static_cast<unsigned long long>(weir_trim(0)) / kMiB);
}

struct {
  const char* name;
  void (*run)();
} constexpr kCases[] = {{"trim", trim_by_steps},
                        {"modes", change_modes},
                        {"pinned", ask_what_is_pinned},
                        {"host blocks", trim_host_blocks}};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& known : kCases) {
    if (argc == 2 && std::strcmp(argv[1], known.name) == 0) {
      known.run();
      return 0;
    }
  }
  std::fprintf(stderr, "usage: %s trim|modes|pinned|'host blocks'\n", argv[0]);
  return 2;
}
