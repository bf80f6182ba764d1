#include <unistd.h>

#include "driver_test.h"
#include "other_process.h"

namespace simcuda {
namespace {

class Pools : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    EXPECT_OK(cuStreamCreate(&stream_, 0));
  }
  static CUmemPoolProps properties_of(CUmemLocation location, CUmemAllocationType type) {
    CUmemPoolProps properties{};
    properties.allocType = type;
    properties.location = location;
    return properties;
  }
  CUmemoryPool make_pool(int device, CUmemAllocationHandleType handles = CU_MEM_HANDLE_TYPE_NONE) {
    CUmemPoolProps properties = properties_of({CU_MEM_LOCATION_TYPE_DEVICE, {device}}, CU_MEM_ALLOCATION_TYPE_PINNED);
    properties.handleTypes = handles;
    CUmemoryPool pool = nullptr;
    EXPECT_OK(cuMemPoolCreate(&pool, &properties));
    return pool;
  }
  CUdeviceptr allocate(CUmemoryPool pool, size_t bytes) {
    CUdeviceptr address = 0;
    EXPECT_OK(cuMemAllocFromPoolAsync(&address, bytes, pool, stream_));
    return address;
  }
  cuuint64_t used(CUmemoryPool pool) {
    cuuint64_t bytes = 0;
    EXPECT_OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &bytes));
    return bytes;
  }
  CUstream stream_ = nullptr;
};

constexpr auto kFile = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;

TEST_F(Pools, AreSharedBetweenProcesses) {
  const CUmemoryPool pool = make_pool(0, kFile);
  allocate(pool, 100);
  const CUdeviceptr address = allocate(pool, 5000);
  EXPECT_OK(cuMemsetD8Async(address, 1, 5000, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
  SharedPool shared{};
  EXPECT_OK(cuMemPoolExportToShareableHandle(&shared.file, pool, kFile, 0));
  EXPECT_OK(cuMemPoolExportPointer(&shared.pointer, address));
  EXPECT_EQ(run_other_process("import-pool", &shared, sizeof shared), 0);
  char first = 0;
  EXPECT_OK(cuMemcpyDtoH(&first, address, 1));
  EXPECT_EQ(first, 2);
  close(shared.file);
}

TEST_F(Pools, ImportedOnesGiveNoMemoryOfTheirOwn) {
  const CUmemoryPool pool = make_pool(1, kFile);
  const CUdeviceptr address = allocate(pool, 5000);
  int file = -1;
  CUmemoryPool imported = nullptr;
  CUmemPoolPtrExportData data;
  EXPECT_OK(cuMemPoolExportToShareableHandle(&file, pool, kFile, 0));
  EXPECT_OK(cuMemPoolExportPointer(&data, address));
  void* const handle = reinterpret_cast<void*>(static_cast<intptr_t>(file));
  EXPECT_OK(cuMemPoolImportFromShareableHandle(&imported, handle, kFile, 0));
  close(file);
  CUdeviceptr again = 0, own = 0;
  EXPECT_OK(cuMemPoolImportPointer(&again, imported, &data));
  EXPECT_EQ(used(imported), 5000u);
  int device = 0;
  EXPECT_OK(cuPointerGetAttribute(&device, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, again));
  EXPECT_EQ(device, 1);
  EXPECT_ERROR(cuMemAllocFromPoolAsync(&own, 8, imported, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuDeviceSetMemPool(1, imported), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMemPoolExportToShareableHandle(&file, imported, kFile, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemsetD8Async(again, 6, 5000, stream_));
  EXPECT_OK(cuMemFreeAsync(again, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(used(imported), 0u);
  EXPECT_ERROR(cuMemFree(again), CUDA_ERROR_INVALID_VALUE);
  char last = 0;
  EXPECT_OK(cuMemcpyDtoH(&last, address + 4999, 1));
  EXPECT_EQ(last, 6);
  EXPECT_OK(cuMemPoolDestroy(imported));
}

TEST_F(Pools, OnlyThoseMadeForItAreExported) {
  const CUmemoryPool pool = make_pool(0);
  int file = -1;
  CUmemPoolPtrExportData data;
  EXPECT_ERROR(cuMemPoolExportToShareableHandle(&file, pool, kFile, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMemPoolExportPointer(&data, allocate(pool, 100)), CUDA_ERROR_INVALID_VALUE);
  CUmemoryPool imported = nullptr;
  EXPECT_ERROR(cuMemPoolImportFromShareableHandle(&imported, nullptr, kFile, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Pools, OfAnotherDeviceTakeItsMemory) {
  const size_t before = free_bytes();
  const CUdeviceptr address = allocate(make_pool(1), 4096);
  EXPECT_EQ(free_bytes(), before);
  EXPECT_OK(cuMemsetD8Async(address, 1, 4096, stream_));
  EXPECT_OK(cuMemFreeAsync(address, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
}

TEST_F(Pools, CurrentOnesAreOfTheirPlace) {
  CUmemLocation device{CU_MEM_LOCATION_TYPE_DEVICE, {1}}, host{CU_MEM_LOCATION_TYPE_HOST, {0}};
  CUmemoryPool found = nullptr, usual = nullptr;
  const CUmemoryPool pool = make_pool(1);
  EXPECT_OK(cuMemSetMemPool(&device, CU_MEM_ALLOCATION_TYPE_PINNED, pool));
  EXPECT_OK(cuDeviceGetMemPool(&found, 1));
  EXPECT_EQ(found, pool);
  EXPECT_ERROR(cuMemSetMemPool(&host, CU_MEM_ALLOCATION_TYPE_PINNED, pool), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuDeviceSetMemPool(0, pool), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemGetDefaultMemPool(&usual, &device, CU_MEM_ALLOCATION_TYPE_PINNED));
  EXPECT_OK(cuDeviceGetDefaultMemPool(&found, 1));
  EXPECT_EQ(found, usual);
  EXPECT_OK(cuMemPoolDestroy(pool));
  EXPECT_OK(cuMemGetMemPool(&found, &device, CU_MEM_ALLOCATION_TYPE_PINNED));
  EXPECT_EQ(found, usual);
}

TEST_F(Pools, OfTheHostGiveItsMemory) {
  CUmemLocation host{CU_MEM_LOCATION_TYPE_HOST, {0}};
  const CUmemPoolProps properties = properties_of(host, CU_MEM_ALLOCATION_TYPE_PINNED);
  CUmemoryPool pool = nullptr, found = nullptr, usual = nullptr;
  EXPECT_OK(cuMemGetMemPool(&usual, &host, CU_MEM_ALLOCATION_TYPE_PINNED));
  EXPECT_OK(cuMemPoolCreate(&pool, &properties));
  EXPECT_OK(cuMemSetMemPool(&host, CU_MEM_ALLOCATION_TYPE_PINNED, pool));
  EXPECT_OK(cuMemGetMemPool(&found, &host, CU_MEM_ALLOCATION_TYPE_PINNED));
  EXPECT_EQ(found, pool);
  const size_t before = free_bytes();
  const CUdeviceptr address = allocate(pool, 5000);
  EXPECT_EQ(free_bytes(), before);
  *reinterpret_cast<char*>(address) = 1;
  EXPECT_OK(cuMemFreeAsync(address, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(used(pool), 0u);
  EXPECT_OK(cuMemPoolDestroy(pool));
  EXPECT_OK(cuMemGetMemPool(&found, &host, CU_MEM_ALLOCATION_TYPE_PINNED));
  EXPECT_EQ(found, usual);
}

}  // namespace
}  // namespace simcuda
