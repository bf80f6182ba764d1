#include <atomic>
#include <chrono>
#include <thread>

#include "driver_test.h"

namespace simcuda {
namespace {

class GreenContexts : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    CUdevResource all;
    CUdevResourceDesc description = nullptr;
    EXPECT_OK(cuDeviceGetDevResource(0, &all, CU_DEV_RESOURCE_TYPE_SM));
    unsigned count = 1;
    CUdevResource group, remaining;
    EXPECT_OK(cuDevSmResourceSplitByCount(&group, &count, &all, &remaining, 0, all.sm.smCount / 2));
    EXPECT_EQ(count, 1u);
    EXPECT_EQ(group.sm.smCount + remaining.sm.smCount, all.sm.smCount);
    EXPECT_OK(cuDevResourceGenerateDesc(&description, &group, 1));
    EXPECT_OK(cuGreenCtxCreate(&green_, description, 0, CU_GREEN_CTX_DEFAULT_STREAM));
    EXPECT_OK(cuCtxFromGreenCtx(&converted_, green_));
    EXPECT_OK(cuDevicePrimaryCtxRetain(&primary_, 0));
  }
  void TearDown() override {
    cuDevicePrimaryCtxRelease(0);
    DriverTest::TearDown();
  }
  CUdeviceptr allocate() {
    CUdeviceptr address = 0;
    EXPECT_OK(cuCtxPushCurrent(converted_));
    EXPECT_OK(cuMemAlloc(&address, 4096));
    EXPECT_OK(cuCtxPopCurrent(nullptr));
    return address;
  }
  CUgreenCtx green_ = nullptr;
  CUcontext converted_ = nullptr, primary_ = nullptr;
};

TEST_F(GreenContexts, AllocateThePrimaryContextsMemory) {
  const size_t before = free_bytes();
  const CUdeviceptr address = allocate();
  CUcontext of = nullptr;
  EXPECT_OK(cuPointerGetAttribute(&of, CU_POINTER_ATTRIBUTE_CONTEXT, address));
  EXPECT_EQ(of, primary_);
  EXPECT_ERROR(cuCtxDestroy(converted_), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_OK(cuGreenCtxDestroy(green_));
  EXPECT_ERROR(cuGreenCtxDestroy(green_), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(free_bytes(), before - 4096);
  EXPECT_OK(cuMemFree(address));
}

TEST_F(GreenContexts, HoldThePrimaryContext) {
  const size_t before = free_bytes();
  allocate();
  EXPECT_OK(cuDevicePrimaryCtxRelease(0));
  EXPECT_EQ(free_bytes(), before - 4096);
  EXPECT_OK(cuGreenCtxDestroy(green_));
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(GreenContexts, WorkIsThePrimaryContextsToo) {
  CUstream stream = nullptr;
  CUevent event = nullptr;
  EXPECT_OK(cuGreenCtxStreamCreate(&stream, green_, CU_STREAM_NON_BLOCKING, 0));
  CUgreenCtx of = nullptr;
  EXPECT_OK(cuStreamGetGreenCtx(stream, &of));
  EXPECT_EQ(of, green_);
  CUcontext regular = nullptr;
  EXPECT_OK(cuStreamGetCtx_v2(stream, &regular, &of));
  EXPECT_EQ(regular, primary_);
  EXPECT_OK(cuStreamGetGreenCtx(nullptr, &of));
  EXPECT_EQ(of, nullptr);
  std::atomic<bool> is_open{false};
  const auto wait = [](void* gate) {
    while (!*static_cast<std::atomic<bool>*>(gate)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  EXPECT_OK(cuEventCreate(&event, 0));
  EXPECT_OK(cuLaunchHostFunc(stream, wait, &is_open));
  EXPECT_OK(cuCtxRecordEvent(primary_, event));
  EXPECT_ERROR(cuEventQuery(event), CUDA_ERROR_NOT_READY);
  EXPECT_OK(cuCtxRecordEvent(context_, event));
  EXPECT_OK(cuEventQuery(event));
  EXPECT_OK(cuGreenCtxRecordEvent(green_, event));
  EXPECT_ERROR(cuEventQuery(event), CUDA_ERROR_NOT_READY);
  is_open = true;
  EXPECT_OK(cuEventSynchronize(event));
  EXPECT_OK(cuGreenCtxDestroy(green_));
}

}  // namespace
}  // namespace simcuda
