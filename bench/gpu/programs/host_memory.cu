// Managed, pinned, mapped and registered memory: some of each is kept at the end.
#include <cstdint>
#include <vector>

#include "kernels.h"
#include "ledger.h"

namespace {

constexpr int kCount = 50000;
constexpr size_t kBytes = kCount * sizeof(float);
Ledger ledger;

void fill(float* values) {
  for (int i = 0; i < kCount; ++i) values[i] = static_cast<float>(i % 100);
}

void print_sum(const char* what, const float* values, double factor) {
  double sum = 0;
  for (int i = 0; i < kCount; ++i) sum += values[i];
  printf("%s: sum %.0f\n", what, sum);
  expect(sum == factor * 99 * 100 / 2 * (kCount / 100), what);
}

float* take_managed() {
  float* values = nullptr;
  CHECK(cudaMallocManaged(&values, kBytes));
  ledger.took("managed", kBytes);
  return values;
}

float* take_pinned(unsigned flags) {
  float* values = nullptr;
  CHECK(cudaHostAlloc(&values, kBytes, flags));
  ledger.took("pinned", kBytes);
  return values;
}

void use_managed() {
  for (int i = 0; i < 5; ++i) {
    float* const values = take_managed();
    fill(values);
    scale<<<blocks_for(kCount), kBlock>>>(values, 2, kCount);
    CHECK(cudaDeviceSynchronize());
    print_sum("managed", values, 2);
    if (i < 2) continue;  // kept
    CHECK(cudaFree(values));
    ledger.gave("managed", kBytes);
  }
}

void use_pinned() {
  float* on_device = nullptr;
  CHECK(cudaMalloc(&on_device, kBytes));
  ledger.took("device", kBytes);
  for (int i = 0; i < 4; ++i) {
    float* const values = take_pinned(cudaHostAllocDefault);
    fill(values);
    CHECK(cudaMemcpyAsync(on_device, values, kBytes, cudaMemcpyHostToDevice, nullptr));
    scale<<<blocks_for(kCount), kBlock>>>(on_device, 3, kCount);
    CHECK(cudaMemcpyAsync(values, on_device, kBytes, cudaMemcpyDeviceToHost, nullptr));
    CHECK(cudaDeviceSynchronize());
    print_sum("pinned", values, 3);
    if (i == 0) continue;  // kept
    CHECK(cudaFreeHost(values));
    ledger.gave("pinned", kBytes);
  }
  CHECK(cudaFree(on_device));
  ledger.gave("device", kBytes);
}

void scale_in_place(const char* what, float* values) {
  fill(values);
  float* seen = nullptr;
  CHECK(cudaHostGetDevicePointer(reinterpret_cast<void**>(&seen), values, 0));
  scale<<<blocks_for(kCount), kBlock>>>(seen, 5, kCount);
  CHECK(cudaDeviceSynchronize());
  print_sum(what, values, 5);
}

void use_mapped() {
  float* const values = take_pinned(cudaHostAllocMapped);
  scale_in_place("mapped", values);
  CHECK(cudaFreeHost(values));
  ledger.gave("pinned", kBytes);
}

void use_registered() {
  static std::vector<float> blocks[3];
  for (std::vector<float>& block : blocks) {
    block.resize(kCount);
    CHECK(cudaHostRegister(block.data(), kBytes, cudaHostRegisterMapped));
    ledger.took("registered", kBytes);
    scale_in_place("registered", block.data());
    if (&block == &blocks[0]) continue;  // kept
    CHECK(cudaHostUnregister(block.data()));
    ledger.gave("registered", kBytes);
  }
}

}  // namespace

int main() {
  use_mapped();
  ledger.all_set_up();
  use_managed();
  use_pinned();
  use_registered();
  ledger.print();
  return 0;
}
