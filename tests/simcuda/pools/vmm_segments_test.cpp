// Segments on the simulated device: its memory is taken, given back and moved, and live blocks keep their contents.
#define __CUDA_API_VERSION_INTERNAL  // the macros of cuda.h would rename what Weir names
#include "cuda/pool/vmm_segments.h"

#include <cuda.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <vector>

#include "cuda/driver.h"

namespace weir::cuda::pool {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGranule = 2 * kMiB;

class SegmentsOnDevice : public testing::Test {
 protected:
  void SetUp() override {
    bind_driver_to([](const char* name) { return dlsym(RTLD_DEFAULT, name); });
    ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
    ASSERT_EQ(cuCtxCreate_v4(&context_, nullptr, 0, 0), CUDA_SUCCESS);
    size_t free = 0;
    ASSERT_EQ(cuMemGetInfo_v2(&free, &device_bytes_), CUDA_SUCCESS);
    ASSERT_EQ(free, device_bytes_);
    ASSERT_EQ(segments_.open(0, device_bytes_), Result::success);
  }
  void TearDown() override {
    segments_.close();
    EXPECT_EQ(free_bytes(), device_bytes_);
    EXPECT_EQ(cuCtxDestroy_v2(context_), CUDA_SUCCESS);
    bind_driver_to([](const char*) -> void* { return nullptr; });
  }

  static uint64_t free_bytes() {
    size_t free = 0;
    EXPECT_EQ(cuMemGetInfo_v2(&free, nullptr), CUDA_SUCCESS);
    return free;
  }
  // A pattern that no other block has, at a block's start, end and in each granule.
  static void for_each_canary(Address address, uint64_t bytes, void (*visit)(Address, uint64_t)) {
    for (uint64_t offset = 0; offset + 16 <= bytes; offset += kGranule) visit(address + offset, address ^ offset);
    if (bytes >= 16) visit(address + bytes - 8, ~address);
  }
  static void write_canaries(Address address, uint64_t bytes) {
    for_each_canary(address, bytes, [](Address at, uint64_t word) {
      EXPECT_EQ(cuMemcpyHtoD_v2(at, &word, sizeof word), CUDA_SUCCESS);
    });
  }
  static void check_canaries(Address address, uint64_t bytes) {
    for_each_canary(address, bytes, [](Address at, uint64_t word) {
      uint64_t found = 0;
      ASSERT_EQ(cuMemcpyDtoH_v2(&found, at, sizeof found), CUDA_SUCCESS);
      ASSERT_EQ(found, word) << std::hex << at;
    });
  }
  Address allocate(uint64_t bytes) {
    Address address = 0;
    EXPECT_EQ(segments_.allocate(bytes, &address), Result::success);
    write_canaries(address, bytes);
    return address;
  }

  CUcontext context_ = nullptr;
  size_t device_bytes_ = 0;
  VmmSegments segments_;
};

TEST_F(SegmentsOnDevice, ScatteredChunksServeALargeRequestAndGoBackToTheDevice) {
  constexpr uint64_t kBlock = 6 * kMiB;
  std::vector<Address> blocks;
  for (uint64_t used = 0; used + kBlock <= device_bytes_; used += kBlock) blocks.push_back(allocate(kBlock));
  ASSERT_LT(free_bytes(), kBlock);
  std::vector<Address> kept;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % 2 == 0) {
      ASSERT_TRUE(segments_.release(blocks[i]));
    } else {
      kept.push_back(blocks[i]);
    }
  }
  const uint64_t idle = segments_.figures().free_bytes;
  ASSERT_EQ(segments_.figures().largest_free_bytes, kBlock);
  ASSERT_LT(free_bytes(), kBlock) << "the device itself has nothing for it";

  const Address large = allocate(idle);  // in one piece
  EXPECT_EQ(segments_.figures().free_bytes, 0u);
  EXPECT_EQ(segments_.figures().chunks.moved_count, idle / kGranule);
  EXPECT_EQ(segments_.figures().mapped_bytes, blocks.size() * kBlock);
  for (const Address block : kept) check_canaries(block, kBlock);
  check_canaries(large, idle);

  ASSERT_TRUE(segments_.release(large));
  const uint64_t before = free_bytes();
  EXPECT_EQ(segments_.compact(), idle);
  EXPECT_EQ(free_bytes(), before + idle);
  CUdeviceptr drivers_own = 0;
  EXPECT_EQ(cuMemAlloc_v2(&drivers_own, idle), CUDA_SUCCESS) << "what was given back is the driver's to give";
  EXPECT_EQ(cuMemFree_v2(drivers_own), CUDA_SUCCESS);
  for (const Address block : kept) check_canaries(block, kBlock);
}

TEST_F(SegmentsOnDevice, WhatWasGivenBackHasNoMemoryAndTheSameAddressesServeAgain) {
  const Address block = allocate(4 * kMiB);
  CUmemGenericAllocationHandle handle = 0;
  ASSERT_EQ(cuMemRetainAllocationHandle(&handle, reinterpret_cast<void*>(block)), CUDA_SUCCESS);
  ASSERT_EQ(cuMemRelease(handle), CUDA_SUCCESS);
  ASSERT_TRUE(segments_.release(block));
  EXPECT_EQ(segments_.compact(), 4 * kMiB);
  EXPECT_EQ(cuMemRetainAllocationHandle(&handle, reinterpret_cast<void*>(block)), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(allocate(4 * kMiB), block);
  check_canaries(block, 4 * kMiB);
}

TEST_F(SegmentsOnDevice, ItsMemoryOutlivesTheContextUntilItIsClosed) {
  allocate(64 * kMiB);
  ASSERT_EQ(cuCtxDestroy_v2(context_), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxCreate_v4(&context_, nullptr, 0, 0), CUDA_SUCCESS);
  EXPECT_EQ(free_bytes(), device_bytes_ - 64 * kMiB);
  segments_.close();
  EXPECT_EQ(free_bytes(), device_bytes_);
}

// One trace, for the driver alone and for segments.
struct Step {
  uint64_t bytes;   // 0: free one
  uint64_t victim;  // which one, of those that are live
};
std::vector<Step> random_trace(uint64_t device_bytes) {
  constexpr int kSteps = 100'000;
  constexpr unsigned kAllocationsInHundred = 73;
  const double doublings = std::log2(static_cast<double>(device_bytes) / 4);
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> exponent(0, doublings);
  std::vector<Step> steps(kSteps);
  for (Step& step : steps) {
    step = {random() % 100 < kAllocationsInHundred ? static_cast<uint64_t>(std::exp2(exponent(random))) : 0, random()};
  }
  return steps;
}

struct Outcome {
  uint64_t refused_count = 0, peak_live_bytes = 0, allocation_count = 0;
};

// Where an allocation would bring what is live above 95 % of the device, as the driver rounds it, blocks are freed first.
template <class Allocate, class Free, class Check>
Outcome play(uint64_t device_bytes, const Allocate& allocate, const Free& free, const Check& check) {
  const uint64_t most = device_bytes / 100 * 95;
  std::vector<std::pair<Address, uint64_t>> live;
  uint64_t live_bytes = 0;
  Outcome outcome;
  const auto rounded = [](uint64_t bytes) {
    return bytes <= kMiB ? (bytes + 511) / 512 * 512 : (bytes + kGranule - 1) / kGranule * kGranule;
  };
  const auto free_one = [&](uint64_t victim) {
    std::swap(live[victim % live.size()], live.back());
    const auto [address, bytes] = live.back();
    live.pop_back();
    check(address, bytes);
    free(address);
    live_bytes -= rounded(bytes);
  };
  for (const Step& step : random_trace(device_bytes)) {
    uint64_t victim = step.victim;
    if (step.bytes == 0) {
      if (!live.empty()) free_one(victim);
      continue;
    }
    for (; live_bytes + rounded(step.bytes) > most; victim = victim * 6364136223846793005 + 1) free_one(victim);
    ++outcome.allocation_count;
    const Address address = allocate(step.bytes);
    if (address == 0) {
      ++outcome.refused_count;
      continue;
    }
    live.emplace_back(address, step.bytes);
    live_bytes += rounded(step.bytes);
    outcome.peak_live_bytes = std::max(outcome.peak_live_bytes, live_bytes);
  }
  while (!live.empty()) free_one(0);
  return outcome;
}

TEST_F(SegmentsOnDevice, ARandomTraceNearTheDevicesEndIsRefusedNoMoreThanByTheDriver) {
  const auto nothing = [](Address, uint64_t) {};
  const Outcome alone = play(
      device_bytes_,
      [](uint64_t bytes) {
        CUdeviceptr address = 0;
        return cuMemAlloc_v2(&address, bytes) == CUDA_SUCCESS ? Address{address} : Address{0};
      },
      [](Address address) { ASSERT_EQ(cuMemFree_v2(address), CUDA_SUCCESS); }, nothing);
  uint64_t peak_mapped = 0;
  const Outcome pooled = play(
      device_bytes_,
      [&](uint64_t bytes) {
        Address address = 0;
        if (segments_.allocate(bytes, &address) != Result::success) return Address{0};
        write_canaries(address, bytes);
        peak_mapped = std::max(peak_mapped, segments_.figures().mapped_bytes);
        return address;
      },
      [&](Address address) { ASSERT_TRUE(segments_.release(address)); }, &check_canaries);
  EXPECT_LE(pooled.refused_count, alone.refused_count);
  EXPECT_LE(static_cast<double>(peak_mapped), 1.15 * static_cast<double>(pooled.peak_live_bytes));
  EXPECT_GT(segments_.figures().remap_count, 0u);
  EXPECT_GT(pooled.peak_live_bytes, device_bytes_ / 100 * 90);
  const SegmentFigures figures = segments_.figures();
  std::printf(
      "refused: %lu of %lu, by the driver alone %lu; peak mapped / live %.3f; hits %lu, misses %lu, remaps %lu; "
      "chunks created %lu, moved %lu; calls of the driver's %lu\n",
      pooled.refused_count, pooled.allocation_count, alone.refused_count,
      static_cast<double>(peak_mapped) / static_cast<double>(pooled.peak_live_bytes), figures.hit_count,
      figures.miss_count, figures.remap_count, figures.chunks.created_count, figures.chunks.moved_count,
      figures.chunks.driver_calls);
}

}  // namespace
}  // namespace weir::cuda::pool

int main(int count, char** arguments) {
  setenv("SIMCUDA_MEMORY", "268435456", 0);
  testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
