#include "other_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace simcuda {
namespace {

// Doubles the byte.
int double_byte(CUdeviceptr address) {
  unsigned char value = 0;
  if (cuMemcpyDtoH(&value, address, 1) != CUDA_SUCCESS) return 20;
  if (cuMemsetD8(address, static_cast<unsigned char>(2 * value), 1) != CUDA_SUCCESS) return 21;
  return cuCtxSynchronize() == CUDA_SUCCESS ? 0 : 22;
}

template <class Input>
bool read_input(Input* input) {
  return read(0, input, sizeof *input) == static_cast<ssize_t>(sizeof *input);
}

bool has_context() {
  CUcontext context = nullptr;
  return cuInit(0) == CUDA_SUCCESS && cuCtxCreate(&context, nullptr, 0, 0) == CUDA_SUCCESS;
}

// Of the memory whose IPC handle comes as input.
int open_handle() {
  CUipcMemHandle handle;
  CUdeviceptr address = 0;
  if (!read_input(&handle) || !has_context()) return 1;
  if (cuIpcOpenMemHandle(&address, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) != CUDA_SUCCESS) return 2;
  if (const int wrong = double_byte(address); wrong != 0) return wrong;
  return cuIpcCloseMemHandle(address) == CUDA_SUCCESS ? 0 : 3;
}

// Of a pool's memory.
int import_pool() {
  SharedPool shared;
  CUmemoryPool pool = nullptr;
  CUdeviceptr address = 0;
  if (!read_input(&shared) || !has_context()) return 1;
  void* const file = reinterpret_cast<void*>(static_cast<intptr_t>(shared.file));
  if (cuMemPoolImportFromShareableHandle(&pool, file, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0) != CUDA_SUCCESS) {
    return 2;
  }
  if (cuMemPoolImportPointer(&address, pool, &shared.pointer) != CUDA_SUCCESS) return 3;
  if (const int wrong = double_byte(address); wrong != 0) return wrong;
  return cuMemFree(address) == CUDA_SUCCESS && cuMemPoolDestroy(pool) == CUDA_SUCCESS ? 0 : 4;
}

}  // namespace

int run_other_process(const char* role, const void* input, size_t bytes) {
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], input, bytes) != static_cast<ssize_t>(bytes)) return -1;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[0], 0);
    execl("/proc/self/exe", "simcuda_tests", role, nullptr);
    _exit(99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int play_role(const char* role) {
  if (strcmp(role, "open-handle") == 0) return open_handle();
  if (strcmp(role, "import-pool") == 0) return import_pool();
  return -1;
}

}  // namespace simcuda
