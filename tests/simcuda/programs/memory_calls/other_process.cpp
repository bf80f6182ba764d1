#include "other_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "calls.h"

namespace memory_calls {
namespace {

constexpr size_t kSharedBytes = 5000;
constexpr unsigned kOpenFlags = CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS;

}  // namespace

bool OtherProcess::fork_child() {
  if (pipe(ends_) != 0) abort();
  child_ = fork();
  close(ends_[child_ == 0 ? 1 : 0]);
  return child_ == 0;
}

void OtherProcess::end_child(bool is_well) { exit(is_well ? 0 : 1); }

bool OtherProcess::give(const void* handle) {
  int status = -1;
  if (write(ends_[1], handle, sizeof(CUipcMemHandle)) != sizeof(CUipcMemHandle)) return false;
  close(ends_[1]);
  return waitpid(child_, &status, 0) == child_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool OtherProcess::open_shared_memory() {
  CUipcMemHandle handle;
  if (read(ends_[0], &handle, sizeof handle) != sizeof handle) return false;
  CUcontext context = nullptr;
  CUdeviceptr one = 0, two = 0;
  EXPECT_OK(driver.cuInit(0));
  EXPECT_OK(driver.cuCtxCreate_v2(&context, 0, 1));
  EXPECT_OK(driver.cuIpcOpenMemHandle(&one, handle, kOpenFlags));
  EXPECT_OK(driver.cuIpcOpenMemHandle_v2(&two, handle, kOpenFlags));
  EXPECT_INVALID(driver.cuIpcOpenMemHandle_v2(nullptr, handle, kOpenFlags));
  EXPECT_OK(driver.cuMemsetD8_v2(two, 2, kSharedBytes));
  EXPECT_OK(driver.cuCtxSynchronize());
  EXPECT_OK(driver.cuIpcCloseMemHandle(one));
  EXPECT_INVALID(driver.cuIpcCloseMemHandle(one));
  return !any_wrong();  // the second stays open
}

void share_memory_with(OtherProcess& other) {
  CUdeviceptr address = 0;
  CUipcMemHandle handle{};
  EXPECT_OK(driver.cuMemAlloc_v2(&address, kSharedBytes));
  EXPECT_INVALID(driver.cuIpcGetMemHandle(&handle, 8));
  EXPECT_OK(driver.cuIpcGetMemHandle(&handle, address));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuIpcOpenMemHandle_v2(&address, handle, kOpenFlags));  // its own
  EXPECT_OK(other.give(&handle) ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN);
  char first = 0;
  EXPECT_OK(driver.cuMemcpyDtoH_v2(&first, address, sizeof first));
  EXPECT_OK(first == 2 ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN);
  EXPECT_OK(driver.cuMemFree_v2(address));
}

}  // namespace memory_calls
