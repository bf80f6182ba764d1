// What the driver is asked of memory and of addresses.
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

namespace memory_calls {
namespace {

constexpr size_t kBytes = 1 << 16;
constexpr auto kRangeFile = CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD;

void walk_device_address(CUdeviceptr address, CUdeviceptr_v1 narrow) {
  CUdeviceptr start = 0;
  CUdeviceptr_v1 narrow_start = 0;
  size_t bytes = 0;
  unsigned narrow_bytes = 0;
  EXPECT_OK(driver.cuMemGetAddressRange(&narrow_start, &narrow_bytes, narrow + 1));
  EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, driver.cuMemGetAddressRange(&narrow_start, &narrow_bytes, 8));
  EXPECT_OK(driver.cuMemGetAddressRange_v2(&start, &bytes, address + 1));
  EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, driver.cuMemGetAddressRange_v2(&start, &bytes, 8));
  CUmemorytype type{};
  int device = -1;
  const unsigned wish = 1;
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void* values[] = {&type, &device};
  EXPECT_OK(driver.cuPointerGetAttribute(&type, attributes[0], address));
  EXPECT_INVALID(driver.cuPointerGetAttribute(&type, attributes[0], 8));
  EXPECT_OK(driver.cuPointerGetAttributes(2, attributes, values, address));
  EXPECT_OK(driver.cuPointerGetAttributes(2, attributes, values, 8));
  EXPECT_INVALID(driver.cuPointerGetAttributes(0, attributes, values, address));
  EXPECT_OK(driver.cuPointerSetAttribute(&wish, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, address));
  EXPECT_INVALID(driver.cuPointerSetAttribute(&wish, attributes[0], address));
}

void walk_range_handle(CUdeviceptr address) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const CUdeviceptr first_page = (address + page - 1) & ~CUdeviceptr{page - 1};
  int file = -1;
  EXPECT_OK(driver.cuMemGetHandleForAddressRange(&file, first_page, page, kRangeFile, 0));
  EXPECT_INVALID(driver.cuMemGetHandleForAddressRange(&file, first_page + 8, page, kRangeFile, 0));
  if (file >= 0) close(file);
}

// A page that is registered at an address of 32 bits.
void walk_host_address() {
  void* const page = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  void* pinned = nullptr;
  CUdeviceptr address = 0;
  CUdeviceptr_v1 narrow = 0;
  unsigned flags = 0;
  EXPECT_OK(driver.cuMemHostRegister_v2(page, kBytes, 0));
  EXPECT_OK(driver.cuMemHostAlloc(&pinned, kBytes, CU_MEMHOSTALLOC_PORTABLE));
  EXPECT_OK(driver.cuMemHostGetDevicePointer(&narrow, page, 0));
  EXPECT_INVALID(driver.cuMemHostGetDevicePointer(&narrow, nullptr, 0));
  EXPECT_OK(driver.cuMemHostGetDevicePointer_v2(&address, pinned, 0));
  EXPECT_INVALID(driver.cuMemHostGetDevicePointer_v2(&address, pinned, 1));
  EXPECT_OK(driver.cuMemHostGetFlags(&flags, pinned));
  EXPECT_INVALID(driver.cuMemHostGetFlags(&flags, nullptr));
  EXPECT_OK(driver.cuMemFreeHost(pinned));
  EXPECT_OK(driver.cuMemHostUnregister(page));
  munmap(page, kBytes);
}

}  // namespace

void walk_queries() {
  CUdeviceptr address = 0;
  CUdeviceptr_v1 narrow = 0;
  size_t free = 0, total = 0;
  unsigned narrow_free = 0, narrow_total = 0;
  EXPECT_OK(driver.cuMemAlloc(&narrow, kBytes));
  EXPECT_OK(driver.cuMemAlloc_v2(&address, kBytes));
  EXPECT_OK(driver.cuMemGetInfo(&narrow_free, &narrow_total));
  EXPECT_OK(driver.cuMemGetInfo_v2(&free, &total));
  walk_device_address(address, narrow);
  walk_range_handle(address);
  walk_host_address();
  EXPECT_OK(driver.cuMemFree(narrow));
  EXPECT_OK(driver.cuMemFree_v2(address));
}

}  // namespace memory_calls
