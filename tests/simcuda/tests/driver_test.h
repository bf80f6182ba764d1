// For tests of the simulated driver: a context of device 0, and results by name. Functions are called by their exported names, for a
// test of old versions includes this too.
#pragma once

#include <cuda.h>
#include <gtest/gtest.h>

namespace simcuda {

inline const char* name_of(CUresult result) {
  const char* name = nullptr;
  cuGetErrorName(result, &name);
  return name == nullptr ? "?" : name;
}
#define EXPECT_OK(call) EXPECT_STREQ(simcuda::name_of(call), "CUDA_SUCCESS")
#define EXPECT_ERROR(call, error) EXPECT_STREQ(simcuda::name_of(call), #error)

class DriverTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
    ASSERT_EQ(cuCtxCreate_v4(&context_, nullptr, 0, 0), CUDA_SUCCESS);
  }
  void TearDown() override { cuCtxDestroy_v2(context_); }

  size_t free_bytes() {
    size_t bytes = 0;
    EXPECT_OK(cuMemGetInfo_v2(&bytes, nullptr));
    return bytes;
  }

  CUcontext context_ = nullptr;
};

}  // namespace simcuda
