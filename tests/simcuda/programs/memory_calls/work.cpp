// Contexts that are made current, work that is begun, and what tells that it is done.
#include "calls.h"

namespace memory_calls {
namespace {

// Each is current when it is made: what was so before lies below it.
void walk_creations() {
  CUcontext contexts[4] = {}, top = nullptr;
  EXPECT_OK(driver.cuCtxCreate(&contexts[0], 0, 0));
  EXPECT_OK(driver.cuCtxCreate_v2(&contexts[1], 0, 1));
  EXPECT_OK(driver.cuCtxCreate_v3(&contexts[2], nullptr, 0, 0, 0));
  EXPECT_OK(driver.cuCtxCreate_v4(&contexts[3], nullptr, 0, 1));
  EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, driver.cuCtxCreate(&top, 0, 9));
  EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, driver.cuCtxCreate_v2(&top, 0, 9));
  EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, driver.cuCtxCreate_v3(&top, nullptr, 0, 0, 9));
  EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, driver.cuCtxCreate_v4(&top, nullptr, 0, 9));
  EXPECT_OK(driver.cuCtxPushCurrent(contexts[0]));
  EXPECT_OK(driver.cuCtxPushCurrent_v2(contexts[1]));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuCtxPushCurrent(nullptr));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuCtxPushCurrent_v2(nullptr));
  EXPECT_OK(driver.cuCtxPopCurrent(&top));
  EXPECT_OK(top == contexts[1] ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN);
  EXPECT_OK(driver.cuCtxPopCurrent_v2(&top));
  EXPECT_OK(top == contexts[0] ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN);
  EXPECT_OK(driver.cuCtxEnablePeerAccess(contexts[0], 0));  // of device 0, from one of device 1
  EXPECT_RESULT(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, driver.cuCtxEnablePeerAccess(contexts[0], 0));
  EXPECT_OK(driver.cuCtxDisablePeerAccess(contexts[0]));
  EXPECT_RESULT(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, driver.cuCtxDisablePeerAccess(contexts[0]));
  for (int i = 3; i >= 0; --i) EXPECT_OK(driver.cuCtxDestroy_v2(contexts[i]));
}

}  // namespace

void walk_current_contexts() {
  CUcontext current = nullptr, again = nullptr;
  walk_creations();
  EXPECT_OK(driver.cuCtxAttach(&current, 0));
  EXPECT_INVALID(driver.cuCtxAttach(&again, 1));
  EXPECT_OK(driver.cuCtxDetach(current));
  EXPECT_OK(driver.cuCtxSetCurrent(current));
  EXPECT_OK(driver.cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 2048));
  EXPECT_OK(driver.cuCtxSynchronize());
  EXPECT_OK(driver.cuCtxSynchronize_v2(current));
}

void walk_work(CUstream stream) {
  CUstream other = nullptr;
  EXPECT_OK(driver.cuStreamCreateWithPriority(&other, CU_STREAM_DEFAULT, 0));
  EXPECT_INVALID(driver.cuStreamCreate(nullptr, CU_STREAM_DEFAULT));
  EXPECT_INVALID(driver.cuStreamCreateWithPriority(nullptr, CU_STREAM_DEFAULT, 0));
  CUmodule module = nullptr;
  CUfunction kernel = nullptr;
  CUevent event = nullptr;
  EXPECT_OK(driver.cuModuleLoadData(&module, ""));
  EXPECT_OK(driver.cuModuleGetFunction(&kernel, module, "kernel"));
  EXPECT_INVALID(driver.cuModuleGetFunction(nullptr, module, "kernel"));
  EXPECT_OK(driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  EXPECT_INVALID(driver.cuEventCreate(nullptr, CU_EVENT_DISABLE_TIMING));
  CUlaunchConfig shape{};
  shape.gridDimX = shape.gridDimY = shape.gridDimZ = shape.blockDimX = shape.blockDimY = shape.blockDimZ = 1;
  shape.hStream = stream;
  EXPECT_BOTH_OK(cuLaunchKernel, _ptsz, kernel, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr);
  EXPECT_BOTH_OK(cuLaunchKernelEx, _ptsz, &shape, kernel, nullptr, nullptr);
  EXPECT_BOTH_OK(cuLaunchCooperativeKernel, _ptsz, kernel, 1, 1, 1, 1, 1, 1, 0, stream, nullptr);
  EXPECT_INVALID(driver.cuLaunchKernelEx(nullptr, kernel, nullptr, nullptr));
  EXPECT_INVALID(driver.cuLaunchKernelEx_ptsz(nullptr, kernel, nullptr, nullptr));
  EXPECT_OK(driver.cuEventRecord(event, stream));
  EXPECT_OK(driver.cuEventSynchronize(event));
  EXPECT_OK(driver.cuEventQuery(event));
  EXPECT_BOTH_OK(cuStreamSynchronize, _ptsz, stream);
  EXPECT_BOTH_OK(cuStreamQuery, _ptsz, stream);
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuEventQuery(nullptr));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuEventSynchronize(nullptr));
  EXPECT_OK(driver.cuModuleUnload(module));
}

}  // namespace memory_calls
