#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "driver_test.h"
#include "other_process.h"

namespace simcuda {
namespace {

class Memory : public DriverTest {};

TEST_F(Memory, IsTakenAndGivenBack) {
  const size_t before = free_bytes();
  CUdeviceptr address = 0;
  EXPECT_OK(cuMemAlloc(&address, 1000));
  EXPECT_EQ(free_bytes(), before - 1024);
  EXPECT_OK(cuMemFree(address));
  EXPECT_EQ(free_bytes(), before);
  EXPECT_ERROR(cuMemFree(address), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemFree(0));
  EXPECT_ERROR(cuMemAlloc(&address, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMemAlloc(&address, before + 1), CUDA_ERROR_OUT_OF_MEMORY);
}

TEST_F(Memory, LargeBlocksTakeWholeLargeGranules) {
  constexpr size_t kMiB = size_t{1} << 20;
  const size_t before = free_bytes();
  CUdeviceptr small = 0, large = 0;
  EXPECT_OK(cuMemAlloc(&small, kMiB));
  EXPECT_EQ(free_bytes(), before - kMiB);
  EXPECT_OK(cuMemAlloc(&large, kMiB + 1));
  EXPECT_EQ(large % (2 * kMiB), 0u);
  EXPECT_EQ(free_bytes(), before - 3 * kMiB);
  EXPECT_OK(cuMemFree(small));
  EXPECT_OK(cuMemFree(large));
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(Memory, HolesBetweenLiveBlocksAreNoneOfTheMemorys) {
  std::vector<CUdeviceptr> blocks(64);
  constexpr size_t kGranule = size_t{2} << 20;
  const size_t before = free_bytes(), each = before / blocks.size() / kGranule * kGranule;
  for (CUdeviceptr& block : blocks) EXPECT_OK(cuMemAlloc(&block, each));
  for (size_t i = 0; i < blocks.size(); i += 2) EXPECT_OK(cuMemFree(blocks[i]));
  CUdeviceptr half = 0, more = 0;
  EXPECT_OK(cuMemAlloc(&half, each * blocks.size() / 2));
  EXPECT_ERROR(cuMemAlloc(&more, free_bytes() + 1), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_OK(cuMemFree(half));
  for (size_t i = 1; i < blocks.size(); i += 2) EXPECT_OK(cuMemFree(blocks[i]));
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(Memory, InteriorPointersAreNotFreed) {
  CUdeviceptr address = 0, base = 0;
  size_t bytes = 0;
  EXPECT_OK(cuMemAlloc(&address, 1000));
  EXPECT_ERROR(cuMemFree(address + 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemGetAddressRange(&base, &bytes, address + 999));
  EXPECT_EQ(base, address);
  EXPECT_EQ(bytes, 1000u);
  EXPECT_ERROR(cuMemFreeHost(reinterpret_cast<void*>(address)), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemFree(address));
}

TEST_F(Memory, CopiesAndSetsGiveTheRightBytes) {
  std::vector<unsigned char> from(5000), to(5000);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i * 7);
  CUdeviceptr one = 0, two = 0;
  EXPECT_OK(cuMemAlloc(&one, from.size()));
  EXPECT_OK(cuMemAlloc(&two, from.size()));
  EXPECT_OK(cuMemcpyHtoD(one, from.data(), from.size()));
  EXPECT_OK(cuMemcpyDtoD(two, one, from.size()));
  EXPECT_OK(cuMemsetD8(two + 100, 0xab, 50));
  EXPECT_OK(cuMemcpyDtoH(to.data(), two, to.size()));
  memset(&from[100], 0xab, 50);
  EXPECT_EQ(from, to);
  EXPECT_OK(cuMemFree(one));
  EXPECT_OK(cuMemFree(two));
}

TEST_F(Memory, PitchedRowsAreCopied) {
  CUdeviceptr address = 0;
  size_t pitch = 0;
  EXPECT_OK(cuMemAllocPitch(&address, &pitch, 100, 10, 4));
  EXPECT_GE(pitch, 100u);
  std::vector<char> from(1000, 'x'), to(1000);
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = from.data();
  copy.srcPitch = 100;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = address;
  copy.dstPitch = pitch;
  copy.WidthInBytes = 100;
  copy.Height = 10;
  EXPECT_OK(cuMemcpy2D(&copy));
  EXPECT_OK(cuMemcpyDtoH(to.data() + 900, address + 9 * pitch, 100));
  EXPECT_EQ(to[999], 'x');
  EXPECT_OK(cuMemFree(address));
}

TEST_F(Memory, PinnedAndManagedAreTheHosts) {
  void* pinned = nullptr;
  CUdeviceptr managed = 0;
  EXPECT_OK(cuMemHostAlloc(&pinned, 100, CU_MEMHOSTALLOC_PORTABLE));
  EXPECT_OK(cuMemAllocManaged(&managed, 100, CU_MEM_ATTACH_GLOBAL));
  memset(pinned, 5, 100);
  EXPECT_OK(cuMemcpy(managed, reinterpret_cast<CUdeviceptr>(pinned), 100));
  EXPECT_EQ(reinterpret_cast<char*>(managed)[99], 5);
  unsigned flags = 0;
  EXPECT_OK(cuMemHostGetFlags(&flags, pinned));
  EXPECT_EQ(flags, unsigned{CU_MEMHOSTALLOC_PORTABLE});
  EXPECT_OK(cuMemFreeHost(pinned));
  EXPECT_OK(cuMemFree(managed));
}

TEST_F(Memory, RegisteredMemoryMayNotOverlap) {
  std::vector<char> own(10000);
  EXPECT_OK(cuMemHostRegister(own.data(), own.size(), 0));
  EXPECT_ERROR(cuMemHostRegister(own.data() + 100, 10, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  EXPECT_ERROR(cuMemHostUnregister(own.data() + 100), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  EXPECT_OK(cuMemHostUnregister(own.data()));
}

TEST_F(Memory, GoesWithItsContext) {
  const size_t before = free_bytes();
  CUcontext other = nullptr;
  CUdeviceptr address = 0;
  EXPECT_OK(cuCtxCreate(&other, nullptr, 0, 0));
  EXPECT_OK(cuMemAlloc(&address, 1 << 20));
  EXPECT_OK(cuCtxDestroy(other));
  EXPECT_EQ(free_bytes(), before);
  EXPECT_ERROR(cuMemFree(address), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Memory, ArraysHoldRows) {
  CUarray array = nullptr;
  const CUDA_ARRAY_DESCRIPTOR descriptor{64, 8, CU_AD_FORMAT_FLOAT, 1};
  const size_t before = free_bytes();
  EXPECT_OK(cuArrayCreate(&array, &descriptor));
  EXPECT_EQ(free_bytes(), before - 64 * 8 * 4);
  std::vector<float> from(64 * 8, 2.5F), to(64 * 8);
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = from.data();
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.WidthInBytes = 256;
  copy.Height = 8;
  EXPECT_OK(cuMemcpy2D(&copy));
  std::swap(copy.srcMemoryType, copy.dstMemoryType);
  copy.srcArray = array;
  copy.dstHost = to.data();
  EXPECT_OK(cuMemcpy2D(&copy));
  EXPECT_EQ(from, to);
  EXPECT_OK(cuArrayDestroy(array));
  EXPECT_ERROR(cuArrayDestroy(array), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(Memory, MappingsShareTheirMemory) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  size_t bytes = 0;
  EXPECT_OK(cuMemGetAllocationGranularity(&bytes, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  const size_t before = free_bytes();
  CUmemGenericAllocationHandle handle = 0, again = 0;
  EXPECT_OK(cuMemCreate(&handle, bytes, &properties, 0));
  EXPECT_EQ(free_bytes(), before - bytes);
  CUdeviceptr one = 0, two = 0;
  EXPECT_OK(cuMemAddressReserve(&one, bytes, 0, 0, 0));
  EXPECT_OK(cuMemAddressReserve(&two, bytes, 0, 0, 0));
  EXPECT_OK(cuMemMap(one, bytes, 0, handle, 0));
  EXPECT_OK(cuMemMap(two, bytes, 0, handle, 0));
  const CUmemAccessDesc access{properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  EXPECT_OK(cuMemSetAccess(one, bytes, &access, 1));
  EXPECT_OK(cuMemSetAccess(two, bytes, &access, 1));
  EXPECT_OK(cuMemsetD8(one, 77, bytes));
  char last = 0;
  EXPECT_OK(cuMemcpyDtoH(&last, two + bytes - 1, 1));
  EXPECT_EQ(last, 77);
  EXPECT_OK(cuMemRetainAllocationHandle(&again, reinterpret_cast<void*>(one)));
  EXPECT_EQ(again, handle);
  EXPECT_OK(cuMemRelease(again));
  EXPECT_OK(cuMemRelease(handle));
  EXPECT_ERROR(cuMemAddressFree(one, bytes), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemUnmap(one, bytes));
  EXPECT_EQ(free_bytes(), before - bytes);
  EXPECT_OK(cuMemUnmap(two, bytes));
  EXPECT_EQ(free_bytes(), before);
  EXPECT_OK(cuMemAddressFree(one, bytes));
  EXPECT_OK(cuMemAddressFree(two, bytes));
}

TEST_F(Memory, IsSharedBetweenProcesses) {
  CUdeviceptr address = 0;
  EXPECT_OK(cuMemAlloc(&address, 5000));
  EXPECT_OK(cuMemsetD8(address, 1, 5000));
  EXPECT_OK(cuCtxSynchronize());  // a memset is not waited for
  CUipcMemHandle handle;
  EXPECT_OK(cuIpcGetMemHandle(&handle, address));
  CUdeviceptr opened = 0;
  EXPECT_ERROR(cuIpcOpenMemHandle(&opened, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(run_other_process("open-handle", &handle, sizeof handle), 0);
  char first = 0;
  EXPECT_OK(cuMemcpyDtoH(&first, address, 1));
  EXPECT_EQ(first, 2);
  EXPECT_OK(cuMemFree(address));
}

TEST_F(Memory, HasAHandleForOtherDrivers) {
  constexpr auto kType = CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  CUdeviceptr address = 0;
  EXPECT_OK(cuMemAlloc(&address, 3 * page));
  const CUdeviceptr first_page = (address + page - 1) & ~CUdeviceptr{page - 1};
  int file = -1;
  EXPECT_OK(cuMemGetHandleForAddressRange(&file, first_page, 2 * page, kType, 0));
  EXPECT_EQ(close(file), 0);
  EXPECT_ERROR(cuMemGetHandleForAddressRange(&file, first_page, page / 2, kType, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMemGetHandleForAddressRange(&file, first_page, 4 * page, kType, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMemGetHandleForAddressRange(nullptr, first_page, page, kType, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemFree(address));
  EXPECT_ERROR(cuMemGetHandleForAddressRange(&file, first_page, page, kType, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Memory, OfThreadsIsCountedExactly) {
  const size_t before = free_bytes();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      EXPECT_OK(cuCtxSetCurrent(context_));
      for (size_t bytes = 1; bytes <= 500; ++bytes) {
        CUdeviceptr address = 0;
        EXPECT_OK(cuMemAlloc(&address, bytes));
        EXPECT_OK(cuMemFree(address));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(free_bytes(), before);
}

}  // namespace

}  // namespace simcuda
