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

TEST_F(Mappings, OfGraphicsResourcesAreRefused) {
  CUgraphicsResource none = nullptr;
  EXPECT_OK(cuGraphicsMapResources(0, nullptr, nullptr));
  EXPECT_ERROR(cuGraphicsMapResources(1, &none, nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_ERROR(cuGraphicsUnmapResources(1, &none, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

}  // namespace
}  // namespace simcuda
