// Loads the driver, uses memory, and unloads it, over and over: nothing of one that is gone may be given to the next one's program.
//
//   cuda_pool_reload ROUNDS
#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr size_t kBytes = size_t{3} << 20;
constexpr int kBlocks = 4;

#define FUNCTION(library, name) reinterpret_cast<decltype(&name)>(dlsym(library, #name))

// Returns how many calls were refused.
int use(void* library) {
  const auto allocate = FUNCTION(library, cuMemAlloc_v2);
  const auto release = FUNCTION(library, cuMemFree_v2);
  const auto set = FUNCTION(library, cuMemsetD8_v2);
  CUcontext context = nullptr;
  int refused = FUNCTION(library, cuInit)(0) != CUDA_SUCCESS;
  refused += FUNCTION(library, cuDevicePrimaryCtxRetain)(&context, 0) != CUDA_SUCCESS;
  refused += FUNCTION(library, cuCtxSetCurrent)(context) != CUDA_SUCCESS;
  for (int turn = 0; turn < 3; ++turn) {
    CUdeviceptr blocks[kBlocks];
    for (CUdeviceptr& block : blocks) {
      refused += allocate(&block, kBytes) != CUDA_SUCCESS;
      refused += set(block, 1, kBytes) != CUDA_SUCCESS;
    }
    const int kept = turn == 2 ? 1 : 0;  // one is live when the driver goes
    for (int i = kept; i < kBlocks; ++i) refused += release(blocks[i]) != CUDA_SUCCESS;
  }
  // With `on` no free waits, and the driver cannot go while it works.
  refused += FUNCTION(library, cuCtxSynchronize)() != CUDA_SUCCESS;
  return refused;
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? atoi(arguments[1]) : 1;
  for (int round = 0; round < rounds; ++round) {
    void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    const int refused = use(library);
    dlclose(library);
    void* const again = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    std::printf("refused %d, unloaded %d\n", refused, again == nullptr);
    if (again != nullptr) dlclose(again);
  }
  return 0;
}
