// Writes one element beyond a block, where an earlier block of this place had room: for compute-sanitizer to find, whoever serves the memory.
#include <cuda_runtime.h>

#include <cstdio>

namespace {
constexpr int kEarlier = 128, kCount = 100;  // both are 512 bytes of the device to a driver that rounds
}

extern "C" __global__ void count_up(int* numbers, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i <= count) numbers[i] = i;  // planted: one too many
}

int main() {
  int* numbers = nullptr;
  if (cudaMalloc(&numbers, kEarlier * sizeof(int)) != cudaSuccess) return 2;
  if (cudaFree(numbers) != cudaSuccess) return 2;
  if (cudaMalloc(&numbers, kCount * sizeof(int)) != cudaSuccess) return 2;
  count_up<<<1, kEarlier>>>(numbers, kCount);
  // With compute-sanitizer it fails, without it passes unnoticed.
  std::printf("%s\n", cudaGetErrorName(cudaDeviceSynchronize()));
  return 0;
}
