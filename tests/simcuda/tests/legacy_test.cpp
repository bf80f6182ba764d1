// The functions of CUDA 3.1 and before, by the names that they still have.
#define __CUDA_API_VERSION_INTERNAL
#include <array>
#include <vector>

#include "driver_test.h"

namespace simcuda {
namespace {

class Legacy : public DriverTest {
 protected:
  // `bytes` of the value 7.
  CUdeviceptr_v1 filled(unsigned bytes) {
    CUdeviceptr_v1 address = 0;
    EXPECT_OK(cuMemAlloc(&address, bytes));
    EXPECT_OK(cuMemsetD8(address, 7, bytes));
    return address;
  }
  CUarray make_array(unsigned width, unsigned height) {
    CUarray array = nullptr;
    const CUDA_ARRAY_DESCRIPTOR_v1 descriptor{width, height, CU_AD_FORMAT_UNSIGNED_INT8, 1};
    EXPECT_OK(cuArrayCreate(&array, &descriptor));
    return array;
  }
};

TEST_F(Legacy, MemoryIsCountedCopiedAndFreed) {
  const size_t before = free_bytes();
  const CUdeviceptr_v1 one = filled(1000), two = filled(1000);
  EXPECT_EQ(free_bytes(), before - 2048);
  std::vector<char> bytes(1000, 3);
  EXPECT_OK(cuMemcpyHtoD(one, bytes.data(), 500));
  EXPECT_OK(cuMemcpyDtoD(two, one, 1000));
  EXPECT_OK(cuMemcpyDtoH(bytes.data(), two, 1000));
  EXPECT_EQ(bytes[499], 3);
  EXPECT_EQ(bytes[500], 7);
  CUdeviceptr_v1 base = 0;
  unsigned length = 0;
  EXPECT_OK(cuMemGetAddressRange(&base, &length, two + 999));
  EXPECT_EQ(base, two);
  EXPECT_EQ(length, 1000u);
  EXPECT_OK(cuMemFree(one));
  EXPECT_OK(cuMemFree_v2(two));
  EXPECT_ERROR(cuMemFree(two), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(Legacy, NewFunctionsTakeOldMemory) {
  const CUdeviceptr_v1 address = filled(100);
  CUcontext of = nullptr;
  EXPECT_OK(cuPointerGetAttribute(&of, CU_POINTER_ATTRIBUTE_CONTEXT, address));
  EXPECT_EQ(of, context_);
  char last = 0;
  EXPECT_OK(cuMemcpyDtoH_v2(&last, address + 99, 1));
  EXPECT_EQ(last, 7);
  EXPECT_OK(cuMemFree_v2(address));
}

TEST_F(Legacy, MoreThanLiesBelowFourGigabytesIsRefused) {
  CUdeviceptr_v1 address = 0;
  EXPECT_ERROR(cuMemAlloc(&address, 1U << 31), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_ERROR(cuMemAlloc(nullptr, 8), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMemAlloc(&address, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Legacy, RowsAndBoxesAreCopied) {
  CUdeviceptr_v1 address = 0;
  unsigned pitch = 0;
  EXPECT_OK(cuMemAllocPitch(&address, &pitch, 100, 10, 4));
  EXPECT_OK(cuMemsetD2D8(address, pitch, 9, 100, 10));
  std::array<char, 200> to{};
  CUDA_MEMCPY2D_v1 flat{};
  flat.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  flat.srcDevice = address;
  flat.srcPitch = pitch;
  flat.srcY = 8;
  flat.dstMemoryType = CU_MEMORYTYPE_HOST;
  flat.dstHost = to.data();
  flat.WidthInBytes = 100;
  flat.Height = 2;
  EXPECT_OK(cuMemcpy2D(&flat));
  EXPECT_EQ(to[199], 9);
  CUDA_MEMCPY3D_v1 deep{};
  deep.srcMemoryType = CU_MEMORYTYPE_HOST;
  deep.srcHost = to.data();
  deep.dstMemoryType = CU_MEMORYTYPE_HOST;
  deep.dstHost = to.data() + 100;
  deep.WidthInBytes = 10;
  deep.Height = 2;
  deep.Depth = 2;
  to[39] = 4;
  EXPECT_OK(cuMemcpy3D(&deep));
  EXPECT_EQ(to[139], 4);
  EXPECT_OK(cuMemFree(address));
}

TEST_F(Legacy, ArraysAreCopiedByOffset) {
  const CUarray one = make_array(256, 0), two = make_array(256, 0);
  const CUdeviceptr_v1 memory = filled(256);
  std::array<char, 256> bytes{};
  EXPECT_OK(cuMemcpyHtoA(one, 0, bytes.data(), 256));
  EXPECT_OK(cuMemcpyDtoA(one, 10, memory, 20));
  EXPECT_OK(cuMemcpyAtoA(two, 100, one, 5, 10));
  EXPECT_OK(cuMemcpyAtoH(bytes.data(), two, 100, 10));
  EXPECT_EQ(bytes[4], 0);
  EXPECT_EQ(bytes[5], 7);
  EXPECT_OK(cuMemcpyAtoD(memory + 1, one, 0, 1));
  EXPECT_OK(cuMemcpyDtoH(bytes.data(), memory, 2));
  EXPECT_EQ(bytes[0], 7);
  EXPECT_EQ(bytes[1], 0);
  EXPECT_ERROR(cuMemcpyHtoA(one, 250, bytes.data(), 7), CUDA_ERROR_INVALID_VALUE);
  CUDA_ARRAY_DESCRIPTOR_v1 descriptor{};
  EXPECT_OK(cuArrayGetDescriptor(&descriptor, one));
  EXPECT_EQ(descriptor.Width, 256u);
  EXPECT_OK(cuArrayDestroy(one));
  EXPECT_OK(cuArrayDestroy(two));
  EXPECT_OK(cuMemFree(memory));
}

TEST_F(Legacy, CopiesRunInStreams) {
  CUstream stream = nullptr;
  EXPECT_OK(cuStreamCreate(&stream, 0));
  const CUdeviceptr_v1 one = filled(8), two = filled(8);
  std::array<char, 8> bytes{1};
  EXPECT_OK(cuMemcpyHtoDAsync(one, bytes.data(), 8, stream));
  EXPECT_OK(cuMemcpyDtoDAsync(two, one, 8, stream));
  bytes = {};
  EXPECT_OK(cuMemcpyDtoHAsync(bytes.data(), two, 8, stream));
  EXPECT_OK(cuStreamSynchronize(stream));
  EXPECT_EQ(bytes[0], 1);
  EXPECT_OK(cuMemFree(one));
  EXPECT_OK(cuMemFree(two));
}

TEST_F(Legacy, SizesThatDoNotFitAreTheLargestThatDo) {
  unsigned available = 0, total = 0;
  EXPECT_OK(cuMemGetInfo(&available, &total));
  EXPECT_EQ(total, 0xffffffffU);
  EXPECT_OK(cuDeviceTotalMem(&total, 0));
  EXPECT_EQ(total, 0xffffffffU);
}

TEST_F(Legacy, VariablesOfModulesHaveShortAddresses) {
  CUmodule module = nullptr;
  CUdeviceptr_v1 address = 0;
  unsigned bytes = 0;
  EXPECT_OK(cuModuleLoadData(&module, ""));
  EXPECT_OK(cuModuleGetGlobal(&address, &bytes, module, "variable"));
  EXPECT_OK(cuMemsetD8(address, 1, bytes));
  EXPECT_ERROR(cuMemFree(address), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuModuleUnload(module));
}

}  // namespace
}  // namespace simcuda
