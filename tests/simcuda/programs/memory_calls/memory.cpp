// Memory with an address: linear, pitched, managed, pinned, registered, and in order of streams.
#include <unistd.h>

#include <cstdint>
#include <initializer_list>

#include "calls.h"

namespace memory_calls {
namespace {

constexpr size_t kTooMuch = size_t{1} << 40;
constexpr auto kFile = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;

CUmemoryPool make_pool(int device) {
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.handleTypes = kFile;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
  CUmemoryPool pool = nullptr;
  EXPECT_OK(driver.cuMemPoolCreate(&pool, &properties));
  return pool;
}

// A pool of this process as another would have it.
void walk_shared_pool(CUmemoryPool pool, CUdeviceptr address, CUstream stream) {
  int file = -1;
  CUmemPoolPtrExportData data;
  CUmemoryPool imported = nullptr;
  EXPECT_OK(driver.cuMemPoolExportToShareableHandle(&file, pool, kFile, 0));
  EXPECT_OK(driver.cuMemPoolExportPointer(&data, address));
  EXPECT_INVALID(driver.cuMemPoolImportFromShareableHandle(&imported, nullptr, kFile, 1));
  void* const handle = reinterpret_cast<void*>(static_cast<intptr_t>(file));
  EXPECT_OK(driver.cuMemPoolImportFromShareableHandle(&imported, handle, kFile, 0));
  close(file);
  CUdeviceptr one = 0, two = 0, none = 0;
  EXPECT_OK(driver.cuMemPoolImportPointer(&one, imported, &data));
  EXPECT_OK(driver.cuMemPoolImportPointer(&two, imported, &data));
  EXPECT_INVALID(driver.cuMemPoolImportPointer(&none, pool, &data));
  EXPECT_OK(driver.cuMemFreeAsync(one, stream));
  EXPECT_OK(driver.cuStreamSynchronize(stream));
}

}  // namespace

void walk_linear() {
  CUdeviceptr_v1 narrow = 0, narrow_rows = 0;
  CUdeviceptr wide = 0, rows = 0, managed = 0, left = 0, none = 0;
  unsigned narrow_pitch = 0;
  size_t pitch = 0;
  EXPECT_OK(driver.cuMemAlloc(&narrow, 1000));
  EXPECT_OK(driver.cuMemAllocPitch(&narrow_rows, &narrow_pitch, 100, 7, 4));
  EXPECT_OK(driver.cuMemAlloc_v2(&wide, 3000));
  EXPECT_OK(driver.cuMemAllocPitch_v2(&rows, &pitch, 300, 11, 8));
  EXPECT_OK(driver.cuMemAllocManaged(&managed, 4000, CU_MEM_ATTACH_GLOBAL));
  EXPECT_INVALID(driver.cuMemAlloc(nullptr, 10));
  EXPECT_INVALID(driver.cuMemAlloc_v2(&none, 0));
  EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, driver.cuMemAlloc_v2(&none, kTooMuch));
  EXPECT_INVALID(driver.cuMemAllocPitch(&narrow_rows, nullptr, 100, 7, 4));
  EXPECT_INVALID(driver.cuMemAllocPitch_v2(&none, &pitch, 100, 7, 3));
  EXPECT_INVALID(driver.cuMemAllocManaged(&none, 4000, 0));
  EXPECT_OK(driver.cuMemFree(narrow));
  EXPECT_INVALID(driver.cuMemFree(narrow));
  EXPECT_OK(driver.cuMemFree_v2(wide));
  EXPECT_INVALID(driver.cuMemFree_v2(wide));
  EXPECT_INVALID(driver.cuMemFree_v2(rows + 16));
  EXPECT_OK(driver.cuMemFree_v2(0));
  EXPECT_OK(driver.cuMemFree_v2(rows));
  EXPECT_OK(driver.cuMemFree_v2(managed));
  EXPECT_OK(driver.cuMemAlloc_v2(&left, 1 << 20));
  EXPECT_OK(driver.cuMemAllocManaged(&managed, 1 << 16, CU_MEM_ATTACH_GLOBAL));
}

void walk_host() {
  static char own[4][8192];
  void *one = nullptr, *two = nullptr, *three = nullptr, *left = nullptr;
  EXPECT_OK(driver.cuMemAllocHost(&one, 100));
  EXPECT_OK(driver.cuMemAllocHost_v2(&two, 200));
  EXPECT_OK(driver.cuMemHostAlloc(&three, 300, CU_MEMHOSTALLOC_PORTABLE));
  EXPECT_OK(driver.cuMemHostAlloc(&left, 400, 0));
  EXPECT_INVALID(driver.cuMemAllocHost(&one, 0));
  EXPECT_INVALID(driver.cuMemAllocHost_v2(nullptr, 8));
  EXPECT_INVALID(driver.cuMemHostAlloc(&one, 0, 0));
  for (void* address : {one, two, three}) EXPECT_OK(driver.cuMemFreeHost(address));
  EXPECT_INVALID(driver.cuMemFreeHost(one));
  EXPECT_OK(driver.cuMemHostRegister(own[0], sizeof own[0], 0));
  EXPECT_OK(driver.cuMemHostRegister_v2(own[1], sizeof own[1], 0));
  EXPECT_OK(driver.cuMemHostRegister_v2(own[2], sizeof own[2] / 2, 0));
  EXPECT_RESULT(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, driver.cuMemHostRegister(own[0] + 64, 64, 0));
  EXPECT_INVALID(driver.cuMemHostRegister_v2(nullptr, 64, 0));
  EXPECT_OK(driver.cuMemHostUnregister(own[0]));
  EXPECT_OK(driver.cuMemHostUnregister(own[1]));
  EXPECT_RESULT(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, driver.cuMemHostUnregister(own[1]));
}

void walk_pools(CUstream stream) {
  CUmemoryPool pool = make_pool(0), other = make_pool(1), usual = nullptr;
  CUmemLocation device{CU_MEM_LOCATION_TYPE_DEVICE, {1}};
  cuuint64_t kept = 1 << 20;
  CUdeviceptr from_pool = 0, from_pool_too = 0, from_other = 0, one = 0, two = 0, plain = 0, left = 0, none = 0;
  EXPECT_INVALID(driver.cuMemPoolCreate(&other, nullptr));
  EXPECT_OK(driver.cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &kept));
  EXPECT_INVALID(driver.cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, nullptr));
  EXPECT_OK(driver.cuMemAllocFromPoolAsync(&from_pool, 1000, pool, stream));
  EXPECT_OK(driver.cuMemAllocFromPoolAsync_ptsz(&from_pool_too, 2000, pool, nullptr));
  EXPECT_OK(driver.cuMemAllocFromPoolAsync(&from_other, 2500, other, stream));
  EXPECT_OK(driver.cuMemAllocAsync(&one, 3000, stream));
  EXPECT_OK(driver.cuMemAllocAsync_ptsz(&two, 4000, nullptr));
  EXPECT_OK(driver.cuMemAllocAsync(&left, 5000, nullptr));
  EXPECT_OK(driver.cuMemAlloc_v2(&plain, 6000));
  EXPECT_INVALID(driver.cuMemAllocAsync(&none, 0, stream));
  EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, driver.cuMemAllocAsync_ptsz(&none, kTooMuch, stream));
  EXPECT_INVALID(driver.cuMemAllocFromPoolAsync(nullptr, 8, pool, stream));
  EXPECT_INVALID(driver.cuMemAllocFromPoolAsync_ptsz(&none, 0, pool, stream));
  walk_shared_pool(pool, from_pool, stream);
  EXPECT_OK(driver.cuMemFreeAsync(from_pool, stream));
  EXPECT_OK(driver.cuMemFreeAsync_ptsz(from_pool_too, nullptr));
  EXPECT_OK(driver.cuMemFreeAsync(from_other, stream));
  EXPECT_OK(driver.cuMemFreeAsync(plain, stream));
  EXPECT_OK(driver.cuMemFreeAsync_ptsz(one, stream));
  EXPECT_OK(driver.cuMemFree_v2(two));
  EXPECT_OK(driver.cuCtxSynchronize());
  EXPECT_INVALID(driver.cuMemFreeAsync(one, stream));
  EXPECT_INVALID(driver.cuMemFreeAsync_ptsz(8, stream));
  EXPECT_OK(driver.cuMemPoolTrimTo(pool, 0));
  EXPECT_INVALID(driver.cuMemPoolTrimTo(nullptr, 0));
  EXPECT_OK(driver.cuDeviceSetMemPool(0, pool));
  EXPECT_INVALID(driver.cuDeviceSetMemPool(0, other));
  EXPECT_OK(driver.cuMemSetMemPool(&device, CU_MEM_ALLOCATION_TYPE_PINNED, other));
  EXPECT_INVALID(driver.cuMemSetMemPool(&device, CU_MEM_ALLOCATION_TYPE_PINNED, pool));
  EXPECT_OK(driver.cuDeviceGetDefaultMemPool(&usual, 0));
  EXPECT_INVALID(driver.cuMemPoolDestroy(usual));
  EXPECT_OK(driver.cuMemPoolDestroy(pool));
}

}  // namespace memory_calls
