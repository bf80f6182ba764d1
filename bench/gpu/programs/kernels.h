// The kernels of the programs. On the simulated device host_kernels.cpp stands for them.
#pragma once

constexpr int kBlock = 256;
inline int blocks_for(int count) { return (count + kBlock - 1) / kBlock; }

extern "C" __global__ void scale(float* values, float factor, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) values[i] *= factor;
}
