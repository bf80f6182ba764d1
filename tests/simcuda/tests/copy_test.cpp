#include <array>
#include <vector>

#include "driver_test.h"

namespace simcuda {
namespace {

class Copies : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    EXPECT_OK(cuStreamCreate(&stream_, 0));
  }
  CUdeviceptr filled(unsigned char value, size_t bytes) {
    CUdeviceptr address = 0;
    EXPECT_OK(cuMemAlloc(&address, bytes));
    EXPECT_OK(cuMemsetD8(address, value, bytes));
    EXPECT_OK(cuCtxSynchronize());
    return address;
  }
  unsigned char byte_at(CUdeviceptr address) {
    unsigned char value = 0;
    EXPECT_OK(cuMemcpyDtoH(&value, address, 1));
    return value;
  }
  CUarray make_array(size_t width, size_t height, size_t depth) {
    const CUDA_ARRAY3D_DESCRIPTOR descriptor{width, height, depth, CU_AD_FORMAT_FLOAT, 1, 0};
    CUarray array = nullptr;
    EXPECT_OK(cuArray3DCreate(&array, &descriptor));
    return array;
  }
  CUstream stream_ = nullptr;
};

TEST_F(Copies, OfABatchAreAllMade) {
  std::array<CUdeviceptr, 3> from{filled(1, 100), filled(2, 100), filled(3, 100)};
  std::array<CUdeviceptr, 3> to{filled(0, 100), filled(0, 100), filled(0, 100)};
  std::array<size_t, 3> sizes{100, 50, 0};
  std::array<CUmemcpyAttributes, 2> attributes{};
  for (CUmemcpyAttributes& each : attributes) each.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  std::array<size_t, 2> first{0, 1};
  EXPECT_OK(cuMemcpyBatchAsync(to.data(), from.data(), sizes.data(), 3, attributes.data(), first.data(), 2, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(byte_at(to[0] + 99), 1);
  EXPECT_EQ(byte_at(to[1] + 49), 2);
  EXPECT_EQ(byte_at(to[1] + 50), 0);
  EXPECT_EQ(byte_at(to[2]), 0);
  first[1] = 3;
  EXPECT_ERROR(cuMemcpyBatchAsync(to.data(), from.data(), sizes.data(), 3, attributes.data(), first.data(), 2, stream_),
               CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuMemcpyBatchAsync(to.data(), from.data(), sizes.data(), 3, attributes.data(), first.data(), 1, nullptr),
               CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Copies, OfABatchMayReadDuringTheCall) {
  CUdeviceptr to = filled(0, 8);
  std::array<char, 8> own{1, 2, 3, 4, 5, 6, 7, 8};
  auto from = reinterpret_cast<CUdeviceptr>(own.data());
  size_t bytes = 8, first = 0;
  CUmemcpyAttributes attributes{};
  attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
  EXPECT_OK(cuMemcpyBatchAsync(&to, &from, &bytes, 1, &attributes, &first, 1, stream_));
  own = {};
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(byte_at(to + 7), 8);
}

TEST_F(Copies, OfABatchTakeBoxesOfArrays) {
  const CUarray array = make_array(8, 4, 2);
  std::vector<float> from(8 * 4 * 2), to(4);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
  std::array<CUDA_MEMCPY3D_BATCH_OP, 2> operations{};
  operations[0].src.type = operations[1].dst.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
  operations[0].dst.type = operations[1].src.type = CU_MEMCPY_OPERAND_TYPE_ARRAY;
  operations[0].src.op.ptr.ptr = reinterpret_cast<CUdeviceptr>(from.data());
  operations[0].dst.op.array.array = array;
  operations[0].extent = {8, 4, 2};
  operations[1].src.op.array = {array, {6, 2, 1}};
  operations[1].dst.op.ptr.ptr = reinterpret_cast<CUdeviceptr>(to.data());
  operations[1].extent = {2, 2, 1};
  for (CUDA_MEMCPY3D_BATCH_OP& each : operations) {
    each.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
    EXPECT_OK(cuMemcpy3DBatchAsync(1, &each, 0, stream_));
  }
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(to, (std::vector<float>{54, 55, 62, 63}));
  operations[0].extent.depth = 0;
  EXPECT_ERROR(cuMemcpy3DBatchAsync(1, operations.data(), 0, stream_), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Copies, GoFromDeviceToDevice) {
  CUcontext other = nullptr;
  const CUdeviceptr one = filled(5, 64);
  EXPECT_OK(cuCtxCreate(&other, nullptr, 0, 1));
  const CUdeviceptr two = filled(0, 64);
  EXPECT_OK(cuMemcpyPeer(two, other, one, context_, 10));
  EXPECT_EQ(byte_at(two + 9), 5);
  EXPECT_EQ(byte_at(two + 10), 0);
  CUDA_MEMCPY3D_PEER box{};
  box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  box.srcDevice = one;
  box.srcContext = context_;
  box.dstDevice = two + 32;
  box.dstContext = other;
  box.WidthInBytes = 4;
  box.Height = box.Depth = 2;
  EXPECT_OK(cuMemcpy3DPeer(&box));
  EXPECT_EQ(byte_at(two + 47), 5);
  EXPECT_EQ(byte_at(two + 48), 0);
  EXPECT_OK(cuCtxDestroy(other));
}

TEST_F(Copies, OfArraysAreByOffset) {
  const CUarray one = make_array(16, 0, 0), two = make_array(16, 0, 0);
  const CUdeviceptr memory = filled(7, 64);
  EXPECT_OK(cuMemcpyDtoA(one, 0, memory, 64));
  EXPECT_OK(cuMemcpyAtoA(two, 32, one, 0, 32));
  std::array<char, 32> read{};
  EXPECT_OK(cuMemcpyAtoHAsync(read.data(), two, 32, 32, stream_));
  EXPECT_OK(cuStreamSynchronize(stream_));
  EXPECT_EQ(read[31], 7);
  EXPECT_ERROR(cuMemcpyAtoA(two, 33, one, 0, 32), CUDA_ERROR_INVALID_VALUE);
  EXPECT_OK(cuMemcpy(memory, memory, 0));
  EXPECT_ERROR(cuMemcpy(memory, 0, 1), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace simcuda
