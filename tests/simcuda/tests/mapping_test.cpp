// What programs map that is neither addresses nor memory of their own.
#include "driver_test.h"

namespace simcuda {
namespace {

class Mappings : public DriverTest {};

TEST_F(Mappings, OfSparseArraysAreTaken) {
  CUarray array = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{1024, 1024, 0, CU_AD_FORMAT_UNSIGNED_INT8, 1, CUDA_ARRAY3D_SPARSE};
  EXPECT_OK(cuArray3DCreate(&array, &descriptor));
  CUmemGenericAllocationHandle handle = 0;
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
  properties.allocFlags.usage = CU_MEM_CREATE_USAGE_TILE_POOL;
  EXPECT_OK(cuMemCreate(&handle, size_t{2} << 20, &properties, 0));
  CUarrayMapInfo info{};
  info.resourceType = CU_RESOURCE_TYPE_ARRAY;
  info.resource.array = array;
  info.memOperationType = CU_MEM_OPERATION_TYPE_MAP;
  info.memHandleType = CU_MEM_HANDLE_TYPE_GENERIC;
  info.memHandle.memHandle = handle;
  info.deviceBitMask = 1;
  EXPECT_OK(cuMemMapArrayAsync(&info, 1, nullptr));
  info.memOperationType = CU_MEM_OPERATION_TYPE_UNMAP;
  EXPECT_OK(cuMemMapArrayAsync(&info, 1, nullptr));
  EXPECT_OK(cuMemRelease(handle));
  info.memOperationType = CU_MEM_OPERATION_TYPE_MAP;
  EXPECT_ERROR(cuMemMapArrayAsync(&info, 1, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuArrayDestroy(array));
  EXPECT_ERROR(cuMemMapArrayAsync(&info, 1, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(Mappings, EndWhereTheirMemoryEnds) {
  constexpr size_t kBytes = size_t{2} << 20;
  CUmemGenericAllocationHandle handle = 0;
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
  const CUmemAccessDesc access{properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  CUdeviceptr address = 0;
  EXPECT_OK(cuMemAddressReserve(&address, 3 * kBytes, 0, 0, 0));
  for (const size_t offset : {size_t{0}, kBytes}) {
    EXPECT_OK(cuMemCreate(&handle, kBytes, &properties, 0));
    EXPECT_OK(cuMemMap(address + offset, kBytes, 0, handle, 0));
    EXPECT_OK(cuMemRelease(handle));
  }
  EXPECT_OK(cuMemSetAccess(address, 2 * kBytes, &access, 1));
  EXPECT_OK(cuMemsetD8Async(address + kBytes / 2, 1, kBytes, nullptr));
  EXPECT_OK(cuCtxSynchronize());
  EXPECT_OK(cuMemsetD8Async(address + kBytes, 1, kBytes + 1, nullptr));
  EXPECT_ERROR(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_OK(cuMemUnmap(address, 2 * kBytes));
  EXPECT_OK(cuMemAddressFree(address, 3 * kBytes));
}

TEST_F(Mappings, OfGraphicsResourcesAreRefused) {
  CUgraphicsResource none = nullptr;
  EXPECT_OK(cuGraphicsMapResources(0, nullptr, nullptr));
  EXPECT_ERROR(cuGraphicsMapResources(1, &none, nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_ERROR(cuGraphicsUnmapResources(1, &none, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

}  // namespace
}  // namespace simcuda
