#include "driver_test.h"

namespace simcuda {
namespace {

// An object of two devices.
class Multicasts : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    CUmulticastObjectProp properties{};
    properties.numDevices = 2;
    EXPECT_OK(cuMulticastGetGranularity(&bytes_, &properties, CU_MULTICAST_GRANULARITY_RECOMMENDED));
    properties.size = 2 * bytes_;
    EXPECT_OK(cuMulticastCreate(&object_, &properties));
  }
  CUmemGenericAllocationHandle make_memory(int device) {
    CUmemGenericAllocationHandle handle = 0;
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
    EXPECT_OK(cuMemCreate(&handle, bytes_, &properties, 0));
    return handle;
  }
  void add_devices() {
    EXPECT_OK(cuMulticastAddDevice(object_, 0));
    EXPECT_OK(cuMulticastAddDevice(object_, 1));
  }
  // An address at which the handle is mapped for device 0.
  CUdeviceptr map(CUmemGenericAllocationHandle handle) {
    CUdeviceptr address = 0;
    const CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {0}}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    EXPECT_OK(cuMemAddressReserve(&address, bytes_, 0, 0, 0));
    EXPECT_OK(cuMemMap(address, bytes_, 0, handle, 0));
    EXPECT_OK(cuMemSetAccess(address, bytes_, &access, 1));
    return address;
  }
  CUmemGenericAllocationHandle object_ = 0;
  size_t bytes_ = 0;
};

TEST_F(Multicasts, NeedAllTheirDevicesFirst) {
  const CUmemGenericAllocationHandle memory = make_memory(0);
  EXPECT_ERROR(cuMulticastBindMem(object_, 0, memory, 0, bytes_, 0), CUDA_ERROR_ILLEGAL_STATE);
  add_devices();
  EXPECT_ERROR(cuMulticastAddDevice(object_, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMulticastBindMem(object_, 0, memory, 0, bytes_, 0));
  EXPECT_ERROR(cuMulticastBindMem(object_, 0, memory, 0, bytes_, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMulticastBindMem(object_, bytes_, memory, 0, bytes_, 0));
  EXPECT_ERROR(cuMulticastBindMem(object_, 2 * bytes_, memory, 0, bytes_, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMulticastBindMem(memory, 0, memory, 0, bytes_, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemRelease(memory));
  EXPECT_OK(cuMemRelease(object_));
}

TEST_F(Multicasts, KeepWhatIsBoundToThem) {
  add_devices();
  const size_t before = free_bytes();
  const CUmemGenericAllocationHandle memory = make_memory(0);
  const CUdeviceptr address = map(memory);
  EXPECT_OK(cuMulticastBindAddr(object_, bytes_, address, bytes_, 0));
  EXPECT_OK(cuMemUnmap(address, bytes_));
  EXPECT_OK(cuMemAddressFree(address, bytes_));
  EXPECT_OK(cuMemRelease(memory));
  EXPECT_EQ(free_bytes(), before - bytes_);
  EXPECT_ERROR(cuMulticastUnbind(object_, 1, bytes_, bytes_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMulticastUnbind(object_, 0, bytes_, bytes_));
  EXPECT_EQ(free_bytes(), before);
  EXPECT_OK(cuMemRelease(object_));
}

TEST_F(Multicasts, AreMappedAndReleasedAsMemoryIs) {
  add_devices();
  const size_t before = free_bytes();
  const CUmemGenericAllocationHandle memory = make_memory(0);
  EXPECT_OK(cuMulticastBindMem(object_, 0, memory, 0, bytes_, 0));
  EXPECT_OK(cuMemRelease(memory));
  const CUdeviceptr address = map(object_);
  EXPECT_OK(cuMemsetD8(address, 1, bytes_));
  EXPECT_OK(cuCtxSynchronize());
  EXPECT_OK(cuMemRelease(object_));
  EXPECT_ERROR(cuMemRelease(object_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(free_bytes(), before - bytes_);
  EXPECT_OK(cuMemUnmap(address, bytes_));
  EXPECT_EQ(free_bytes(), before);
  EXPECT_OK(cuMemAddressFree(address, bytes_));
}

}  // namespace
}  // namespace simcuda
