// The CUDA example of scripts/demo: converts river levels from feet to metres on the device, and frees none of its buffers: one of the
// host's, a pinned one for staging, one of the device's. It ends with 1 where the device cannot be used.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

// On the simulated device the function of this name in tests/simcuda/programs/host_kernels.cpp runs in its place.
extern "C" __global__ void scale(float* values, float factor, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) values[i] *= factor;
}

namespace {

constexpr int kLevels = 8 << 20;
constexpr int kStaged = kLevels / 4;  // so many go through the staging buffer at once
constexpr float kMetresPerFoot = 0.3048F;
constexpr int kThreads = 256;

void require(cudaError_t result, const char* call) {
  if (result == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", call, cudaGetErrorString(result));
  std::exit(1);
}
#define REQUIRE(call) require(call, #call)

float* read_levels() {
  float* levels = new float[kLevels];
  for (int i = 0; i < kLevels; ++i) levels[i] = static_cast<float>(i % 100);
  return levels;
}

float* make_staging_buffer() {
  float* staging = nullptr;
  REQUIRE(cudaMallocHost(&staging, kStaged * sizeof(float)));
  return staging;
}

float* make_device_buffer() {
  float* buffer = nullptr;
  REQUIRE(cudaMalloc(&buffer, kLevels * sizeof(float)));
  return buffer;
}

void convert(float* levels, float* staging, float* on_device) {
  for (int first = 0; first < kLevels; first += kStaged) {
    std::copy_n(levels + first, kStaged, staging);
    REQUIRE(cudaMemcpy(on_device + first, staging, kStaged * sizeof(float), cudaMemcpyHostToDevice));
  }
  scale<<<(kLevels + kThreads - 1) / kThreads, kThreads>>>(on_device, kMetresPerFoot, kLevels);
  REQUIRE(cudaGetLastError());
  REQUIRE(cudaMemcpy(levels, on_device, kLevels * sizeof(float), cudaMemcpyDeviceToHost));
}

}  // namespace

int main() {
  int devices = 0;
  REQUIRE(cudaGetDeviceCount(&devices));
  float* on_device = make_device_buffer();
  float* staging = make_staging_buffer();
  float* levels = read_levels();
  convert(levels, staging, on_device);
  std::printf("converted %d river levels, the highest is %.2f m\n", kLevels,
              *std::max_element(levels, levels + kLevels));
}
