#include "driver_test.h"

namespace simcuda {
namespace {

class Modules : public DriverTest {
 protected:
  CUdeviceptr variable_of(CUmodule module, const char* name) {
    CUdeviceptr address = 0;
    EXPECT_OK(cuModuleGetGlobal(&address, nullptr, module, name));
    return address;
  }
};

TEST_F(Modules, VariablesGoWithTheirModule) {
  const size_t before = free_bytes();
  CUmodule module = nullptr;
  EXPECT_OK(cuModuleLoadData(&module, ""));
  const CUdeviceptr one = variable_of(module, "one"), two = variable_of(module, "two");
  EXPECT_NE(one, two);
  EXPECT_EQ(variable_of(module, "one"), one);
  EXPECT_LT(free_bytes(), before);
  EXPECT_OK(cuModuleUnload(module));
  EXPECT_EQ(free_bytes(), before);
  unsigned type = 0;
  EXPECT_ERROR(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, one), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(Modules, GoWithTheirContext) {
  const size_t before = free_bytes();
  CUcontext other = nullptr;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  EXPECT_OK(cuCtxCreate(&other, nullptr, 0, 0));
  EXPECT_OK(cuModuleLoadData(&module, ""));
  EXPECT_OK(cuModuleGetFunction(&function, module, "kernel"));
  variable_of(module, "one");
  EXPECT_OK(cuCtxDestroy(other));
  EXPECT_EQ(free_bytes(), before);
  EXPECT_ERROR(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_ERROR(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(Modules, KernelsAreLaunchedInEachWay) {
  CUmodule module = nullptr;
  CUfunction kernel = nullptr;
  CUlaunchConfig shape{};
  shape.gridDimX = shape.gridDimY = shape.gridDimZ = shape.blockDimX = shape.blockDimY = shape.blockDimZ = 1;
  EXPECT_OK(cuModuleLoadData(&module, ""));
  EXPECT_OK(cuModuleGetFunction(&kernel, module, "kernel"));
  EXPECT_OK(cuFuncLoad(kernel));
  EXPECT_ERROR(cuFuncLoad(nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_OK(cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  EXPECT_OK(cuLaunchKernelEx(&shape, kernel, nullptr, nullptr));
  EXPECT_OK(cuLaunchCooperativeKernel(kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr));
  EXPECT_ERROR(cuLaunchKernelEx(nullptr, kernel, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_ERROR(cuLaunchCooperativeKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_OK(cuCtxSynchronize());
}

TEST_F(Modules, ALibrarysVariablesAreOfEachContext) {
  CUlibrary library = nullptr;
  CUdeviceptr here = 0, there = 0, managed = 0;
  EXPECT_OK(cuLibraryLoadData(&library, "", nullptr, nullptr, 0, nullptr, nullptr, 0));
  EXPECT_OK(cuLibraryGetGlobal(&here, nullptr, library, "variable"));
  CUcontext other = nullptr;
  EXPECT_OK(cuCtxCreate(&other, nullptr, 0, 0));
  const size_t before = free_bytes();
  EXPECT_OK(cuLibraryGetGlobal(&there, nullptr, library, "variable"));
  EXPECT_NE(here, there);
  EXPECT_OK(cuCtxDestroy(other));
  EXPECT_EQ(free_bytes(), before);
  EXPECT_OK(cuLibraryGetManaged(&managed, nullptr, library, "managed"));
  *reinterpret_cast<char*>(managed) = 1;
  EXPECT_OK(cuMemsetD8(here, 1, 8));
  EXPECT_OK(cuLibraryUnload(library));
  EXPECT_ERROR(cuMemFree(managed), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace simcuda
