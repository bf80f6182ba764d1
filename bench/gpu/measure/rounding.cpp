// How much of the device each size of block takes, by cuMemGetInfo(): of the first block, and on average of many; and how close blocks lie.
#include "driver.h"

namespace {

constexpr size_t kSizes[] = {1,         512,      513,          1024,      1025,          4 * kKiB,
                             64 * kKiB, kMiB - 1, kMiB,         kMiB + 1,  2 * kMiB,      2 * kMiB + 1,
                             3 * kMiB,  4 * kMiB, 4 * kMiB + 1, 10 * kMiB, 100 * kMiB + 1};

// Beyond it an alignment is chance: it tells where the device's memory begins.
constexpr CUdeviceptr kMostAlignment = 4 * kKiB;

// Enough blocks to see what one takes of memory that the driver hands out in larger pieces.
size_t blocks_of(size_t bytes) { return std::clamp<size_t>(64 * kMiB / bytes, 2, 16384); }

struct Seen {
  size_t first_bytes, all_bytes;
  CUdeviceptr address_bits;
  size_t spacing_bytes;  // from one block to the next, at the least
};

size_t least_spacing(std::vector<CUdeviceptr> blocks) {
  std::sort(blocks.begin(), blocks.end());
  size_t least = SIZE_MAX;
  for (size_t i = 1; i < blocks.size(); ++i) least = std::min<size_t>(least, blocks[i] - blocks[i - 1]);
  return least;
}

template <class Allocate, class Free>
Seen see(size_t bytes, Allocate allocate, Free release) {
  std::vector<CUdeviceptr> blocks(blocks_of(bytes));
  const size_t before = used_bytes();
  Seen seen{};
  for (CUdeviceptr& block : blocks) {
    block = allocate(bytes);
    seen.address_bits |= block;
    if (&block == &blocks.front()) seen.first_bytes = used_bytes() - before;
  }
  seen.all_bytes = used_bytes() - before;
  seen.spacing_bytes = least_spacing(blocks);
  for (const CUdeviceptr block : blocks) release(block);
  return seen;
}

std::string row(const char* kind, size_t bytes, const Seen& seen) {
  const size_t blocks = blocks_of(bytes);
  return text(R"({"kind": "%s", "bytes": %zu, "first_block_bytes": %zu, "block_count": %zu, "mean_block_bytes": %.1f, )"
              R"("spacing_bytes": %zu, "alignment_bytes": %llu})",
              kind, bytes, seen.first_bytes, blocks, static_cast<double>(seen.all_bytes) / static_cast<double>(blocks),
              seen.spacing_bytes, std::min(seen.address_bits & -seen.address_bits, kMostAlignment));
}

CUdeviceptr allocate_linear(size_t bytes) {
  CUdeviceptr block = 0;
  CHECK(cuMemAlloc(&block, bytes));
  return block;
}

CUdeviceptr allocate_async(size_t bytes) {
  CUdeviceptr block = 0;
  CHECK(cuMemAllocAsync(&block, bytes, nullptr));
  CHECK(cuStreamSynchronize(nullptr));
  return block;
}

void trim_pool(CUdevice device) {
  CUmemoryPool pool = nullptr;
  CHECK(cuDeviceGetDefaultMemPool(&pool, device));
  CHECK(cuStreamSynchronize(nullptr));
  CHECK(cuMemPoolTrimTo(pool, 0));
}

std::string granularity(CUdevice device) {
  const CUmemAllocationProp properties = on_device(device);
  size_t least = 0, best = 0;
  CHECK(cuMemGetAllocationGranularity(&least, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  CHECK(cuMemGetAllocationGranularity(&best, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
  return text(R"({"kind": "vmm", "granularity_bytes": %zu, "recommended_bytes": %zu})", least, best);
}

}  // namespace

int main() {
  const CUdevice device = start();
  // What the first allocation of a kind sets up is not part of a block.
  CHECK(cuMemFree(allocate_linear(1)));
  CHECK(cuMemFreeAsync(allocate_async(1), nullptr));
  trim_pool(device);
  Rows rows;
  for (const size_t bytes : kSizes) {
    rows.add(row("device", bytes, see(bytes, allocate_linear, [](CUdeviceptr block) { CHECK(cuMemFree(block)); })));
    const Seen seen = see(bytes, allocate_async, [](CUdeviceptr block) { CHECK(cuMemFreeAsync(block, nullptr)); });
    rows.add(row("async", bytes, seen));
    trim_pool(device);
  }
  rows.add(granularity(device));
}
