// Calls the CUDA runtime's memory functions and prints what each answers: with the real runtime on the simulated driver, that it refuses it.
#include <cuda_runtime.h>
#include <stdio.h>

int main() {
  int count = -1;
  void* block = nullptr;
  cudaError_t results[] = {cudaGetDeviceCount(&count),    cudaMalloc(&block, 4096), cudaMallocManaged(&block, 4096),
                           cudaMallocHost(&block, 4096),  cudaFree(block),          cudaMallocAsync(&block, 4096, cudaStreamDefault),
                           cudaDeviceSynchronize()};
  for (cudaError_t result : results) printf("%d %s\n", (int)result, cudaGetErrorName(result));
  printf("devices: %d\n", count);
  return 3;
}
