// Copies and fills, in every version and form.
#include <cstring>

#include "calls.h"

namespace memory_calls {
namespace {

constexpr size_t kBytes = 4096;
constexpr unsigned kWidth = 64, kHeight = 4;  // of a part of that

// Something of each place that is copied from and to.
struct Places {
  Places() {
    const CUDA_ARRAY_DESCRIPTOR shape{kBytes / 4, kHeight, CU_AD_FORMAT_UNSIGNED_INT8, 1};
    EXPECT_OK(driver.cuMemAlloc(&low, kBytes));
    EXPECT_OK(driver.cuMemAlloc(&low_too, kBytes));
    EXPECT_OK(driver.cuMemAlloc_v2(&wide, kBytes));
    EXPECT_OK(driver.cuMemAlloc_v2(&wide_too, kBytes));
    EXPECT_OK(driver.cuMemHostAlloc(&pinned, kBytes, 0));
    EXPECT_OK(driver.cuArrayCreate_v2(&array, &shape));
    EXPECT_OK(driver.cuArrayCreate_v2(&array_too, &shape));
    memset(pinned, 1, kBytes);
  }
  ~Places() {
    EXPECT_OK(driver.cuCtxSynchronize());
    EXPECT_OK(driver.cuMemFree(low));
    EXPECT_OK(driver.cuMemFree(low_too));
    EXPECT_OK(driver.cuMemFree_v2(wide));
    EXPECT_OK(driver.cuMemFree_v2(wide_too));
    EXPECT_OK(driver.cuMemFreeHost(pinned));
    EXPECT_OK(driver.cuArrayDestroy(array));
    EXPECT_OK(driver.cuArrayDestroy(array_too));
  }
  CUdeviceptr_v1 low = 0, low_too = 0;
  CUdeviceptr wide = 0, wide_too = 0;
  void* pinned = nullptr;
  char own[kBytes] = {};
  CUarray array = nullptr, array_too = nullptr;
};

void walk_old_copies(Places& p, CUstream stream) {
  EXPECT_OK(driver.cuMemcpyHtoD(p.low, p.own, 100));
  EXPECT_OK(driver.cuMemcpyHtoDAsync(p.low, p.pinned, 110, stream));
  EXPECT_OK(driver.cuMemcpyDtoH(p.own, p.low, 120));
  EXPECT_OK(driver.cuMemcpyDtoHAsync(p.pinned, p.low, 130, stream));
  EXPECT_OK(driver.cuMemcpyDtoD(p.low_too, p.low, 140));
  EXPECT_OK(driver.cuMemcpyDtoDAsync(p.low_too, p.low, 150, stream));
  EXPECT_OK(driver.cuMemcpyHtoA(p.array, 0, p.own, 160));
  EXPECT_OK(driver.cuMemcpyHtoAAsync(p.array, 8, p.pinned, 170, stream));
  EXPECT_OK(driver.cuMemcpyAtoH(p.own, p.array, 0, 180));
  EXPECT_OK(driver.cuMemcpyAtoHAsync(p.pinned, p.array, 8, 190, stream));
  EXPECT_OK(driver.cuMemcpyDtoA(p.array, 0, p.low, 200));
  EXPECT_OK(driver.cuMemcpyAtoD(p.low, p.array, 0, 210));
  EXPECT_OK(driver.cuMemcpyAtoA(p.array_too, 0, p.array, 0, 220));
  EXPECT_INVALID(driver.cuMemcpyHtoD(0, p.own, 100));
  EXPECT_INVALID(driver.cuMemcpyDtoH(p.own, 0, 100));
}

template <class Shape, class Address>
Shape shape_of(CUmemorytype to_type, Address to, void* to_host, CUmemorytype from_type, Address from,
               const void* from_host) {
  Shape shape{};
  shape.srcMemoryType = from_type;
  shape.srcDevice = from;
  shape.srcHost = from_host;
  shape.srcPitch = kWidth;
  shape.dstMemoryType = to_type;
  shape.dstDevice = to;
  shape.dstHost = to_host;
  shape.dstPitch = kWidth;
  shape.WidthInBytes = kWidth;
  shape.Height = kHeight;
  return shape;
}

template <class Shape>
Shape deep(Shape shape) {
  shape.srcHeight = shape.dstHeight = kHeight;
  shape.Depth = 2;
  return shape;
}

}  // namespace

void walk_copies(CUstream stream) {
  Places p;
  walk_old_copies(p, stream);
  CUcontext none = nullptr;
  EXPECT_BOTH_OK(cuMemcpy, _ptds, p.wide, address_of(p.own), 1000);
  EXPECT_BOTH_OK(cuMemcpyAsync, _ptsz, address_of(p.pinned), p.wide, 1100, stream);
  EXPECT_BOTH_OK(cuMemcpyPeer, _ptds, p.wide_too, none, p.wide, none, 1200);
  EXPECT_BOTH_OK(cuMemcpyPeerAsync, _ptsz, p.wide_too, none, p.wide, none, 1300, stream);
  EXPECT_BOTH_OK(cuMemcpyHtoD_v2, _ptds, p.wide, p.own, 1400);
  EXPECT_BOTH_OK(cuMemcpyHtoDAsync_v2, _ptsz, p.wide, p.pinned, 1500, stream);
  EXPECT_BOTH_OK(cuMemcpyDtoH_v2, _ptds, p.own, p.wide, 1600);
  EXPECT_BOTH_OK(cuMemcpyDtoHAsync_v2, _ptsz, p.pinned, p.wide, 1700, stream);
  EXPECT_BOTH_OK(cuMemcpyDtoD_v2, _ptds, p.wide_too, p.wide, 1800);
  EXPECT_BOTH_OK(cuMemcpyDtoDAsync_v2, _ptsz, p.wide_too, p.wide, 1900, stream);
  EXPECT_BOTH_OK(cuMemcpyHtoA_v2, _ptds, p.array, 0, p.own, 2000);
  EXPECT_BOTH_OK(cuMemcpyHtoAAsync_v2, _ptsz, p.array, 0, p.pinned, 2100, stream);
  EXPECT_BOTH_OK(cuMemcpyAtoH_v2, _ptds, p.own, p.array, 0, 2200);
  EXPECT_BOTH_OK(cuMemcpyAtoHAsync_v2, _ptsz, p.pinned, p.array, 0, 2300, stream);
  EXPECT_BOTH_OK(cuMemcpyDtoA_v2, _ptds, p.array, 0, p.wide, 2400);
  EXPECT_BOTH_OK(cuMemcpyAtoD_v2, _ptds, p.wide, p.array, 0, 2500);
  EXPECT_BOTH_OK(cuMemcpyAtoA_v2, _ptds, p.array_too, 0, p.array, 0, 2600);
  EXPECT_INVALID(driver.cuMemcpyHtoD_v2(0, p.own, 1000));
  EXPECT_INVALID(driver.cuMemcpyAsync_ptsz(p.wide, 0, 1000, stream));
}

void walk_shaped_copies(CUstream stream) {
  Places p;
  constexpr auto kDevice = CU_MEMORYTYPE_DEVICE, kHost = CU_MEMORYTYPE_HOST, kUnified = CU_MEMORYTYPE_UNIFIED;
  const auto old_flat = shape_of<CUDA_MEMCPY2D_v1>(kDevice, p.low, nullptr, kHost, 0U, p.own);
  const auto old_deep = deep(shape_of<CUDA_MEMCPY3D_v1>(kHost, 0U, p.own, kDevice, p.low, nullptr));
  const auto flat = shape_of<CUDA_MEMCPY2D>(kDevice, p.wide, nullptr, kDevice, p.wide_too, nullptr);
  const auto box = deep(shape_of<CUDA_MEMCPY3D>(kUnified, p.wide, nullptr, kUnified, address_of(p.pinned), nullptr));
  const auto peers = deep(shape_of<CUDA_MEMCPY3D_PEER>(kDevice, p.wide, nullptr, kDevice, p.wide_too, nullptr));
  EXPECT_OK(driver.cuMemcpy2D(&old_flat));
  EXPECT_OK(driver.cuMemcpy2DUnaligned(&old_flat));
  EXPECT_OK(driver.cuMemcpy2DAsync(&old_flat, stream));
  EXPECT_OK(driver.cuMemcpy3D(&old_deep));
  EXPECT_OK(driver.cuMemcpy3DAsync(&old_deep, stream));
  EXPECT_BOTH_OK(cuMemcpy2D_v2, _ptds, &flat);
  EXPECT_BOTH_OK(cuMemcpy2DUnaligned_v2, _ptds, &flat);
  EXPECT_BOTH_OK(cuMemcpy2DAsync_v2, _ptsz, &flat, stream);
  EXPECT_BOTH_OK(cuMemcpy3D_v2, _ptds, &box);
  EXPECT_BOTH_OK(cuMemcpy3DAsync_v2, _ptsz, &box, stream);
  EXPECT_BOTH_OK(cuMemcpy3DPeer, _ptds, &peers);
  EXPECT_BOTH_OK(cuMemcpy3DPeerAsync, _ptsz, &peers, stream);
  EXPECT_INVALID(driver.cuMemcpy2D(nullptr));
  EXPECT_INVALID(driver.cuMemcpy2DUnaligned_v2(nullptr));
  EXPECT_INVALID(driver.cuMemcpy3DAsync_v2_ptsz(nullptr, stream));
}

void walk_batches(CUstream stream) {
  Places p;
  CUdeviceptr to[] = {p.wide, address_of(p.pinned)}, from[] = {p.wide_too, p.wide};
  size_t bytes[] = {300, 400}, first[] = {0}, failed = 0;
  CUmemcpyAttributes attributes[1] = {};
  attributes[0].srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  EXPECT_BOTH_OK(cuMemcpyBatchAsync, _ptsz, to, from, bytes, 2, attributes, first, 1, &failed, stream);
  EXPECT_BOTH_OK(cuMemcpyBatchAsync_v2, _ptsz, to, from, bytes, 2, attributes, first, 1, stream);
  EXPECT_INVALID(driver.cuMemcpyBatchAsync_v2(to, from, bytes, 0, attributes, first, 1, stream));
  CUDA_MEMCPY3D_BATCH_OP operation{};
  operation.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  operation.extent = {kWidth, kHeight, 1};
  operation.src.type = operation.dst.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
  operation.src.op.ptr = {p.wide, kWidth, kHeight, {}};
  operation.dst.op.ptr = {p.wide_too, kWidth, kHeight, {}};
  EXPECT_BOTH_OK(cuMemcpy3DBatchAsync, _ptsz, 1, &operation, &failed, 0, stream);
  EXPECT_BOTH_OK(cuMemcpy3DBatchAsync_v2, _ptsz, 1, &operation, 0, stream);
  EXPECT_INVALID(driver.cuMemcpy3DBatchAsync(0, &operation, &failed, 0, stream));
}

void walk_fills(CUstream stream) {
  Places p;
  EXPECT_OK(driver.cuMemsetD8(p.low, 1, 100));
  EXPECT_OK(driver.cuMemsetD16(p.low, 2, 110));
  EXPECT_OK(driver.cuMemsetD32(p.low, 3, 120));
  EXPECT_OK(driver.cuMemsetD2D8(p.low, kWidth, 4, 30, kHeight));
  EXPECT_OK(driver.cuMemsetD2D16(p.low, kWidth, 5, 20, kHeight));
  EXPECT_OK(driver.cuMemsetD2D32(p.low, kWidth, 6, 10, kHeight));
  EXPECT_BOTH_OK(cuMemsetD8_v2, _ptds, p.wide, 1, 1000);
  EXPECT_BOTH_OK(cuMemsetD16_v2, _ptds, p.wide, 2, 1100);
  EXPECT_BOTH_OK(cuMemsetD32_v2, _ptds, p.wide, 3, 900);
  EXPECT_BOTH_OK(cuMemsetD2D8_v2, _ptds, p.wide, kWidth, 4, 30, kHeight);
  EXPECT_BOTH_OK(cuMemsetD2D16_v2, _ptds, p.wide, kWidth, 5, 20, kHeight);
  EXPECT_BOTH_OK(cuMemsetD2D32_v2, _ptds, p.wide, kWidth, 6, 10, kHeight);
  EXPECT_BOTH_OK(cuMemsetD8Async, _ptsz, p.wide, 1, 1200, stream);
  EXPECT_BOTH_OK(cuMemsetD16Async, _ptsz, p.wide, 2, 1300, stream);
  EXPECT_BOTH_OK(cuMemsetD32Async, _ptsz, p.wide, 3, 1000, stream);
  EXPECT_BOTH_OK(cuMemsetD2D8Async, _ptsz, p.wide, kWidth, 4, 30, kHeight, stream);
  EXPECT_BOTH_OK(cuMemsetD2D16Async, _ptsz, p.wide, kWidth, 5, 20, kHeight, stream);
  EXPECT_BOTH_OK(cuMemsetD2D32Async, _ptsz, p.wide, kWidth, 6, 10, kHeight, stream);
  EXPECT_INVALID(driver.cuMemsetD32_v2(p.wide + 1, 3, 10));
}

}  // namespace memory_calls
