// Allocations in the order of streams, from the default pool and from one of the program's own: some are kept at the end.
#include <vector>

#include "kernels.h"
#include "ledger.h"

namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr int kCount = 65536;
Ledger ledger;

float* take(size_t bytes, cudaStream_t stream) {
  void* memory = nullptr;
  CHECK(cudaMallocAsync(&memory, bytes, stream));
  ledger.took("async", bytes);
  return static_cast<float*>(memory);
}

void give(void* memory, size_t bytes, cudaStream_t stream) {
  CHECK(cudaFreeAsync(memory, stream));
  ledger.gave("async", bytes);
}

void scale_in(cudaStream_t stream) {
  const size_t bytes = kCount * sizeof(float);
  std::vector<float> values(kCount, 7);
  float* const on_device = take(bytes, stream);
  CHECK(cudaMemcpyAsync(on_device, values.data(), bytes, cudaMemcpyHostToDevice, stream));
  scale<<<blocks_for(kCount), kBlock, 0, stream>>>(on_device, 2, kCount);
  CHECK(cudaMemcpyAsync(values.data(), on_device, bytes, cudaMemcpyDeviceToHost, stream));
  give(on_device, bytes, stream);
  CHECK(cudaStreamSynchronize(stream));
  double sum = 0;
  for (const float value : values) sum += value;
  printf("scaled in a stream: sum %.0f\n", sum);
  expect(sum == 14.0 * kCount, "the sum of what was scaled in a stream");
}

void churn(cudaStream_t stream) {
  std::vector<std::pair<void*, size_t>> held;
  for (size_t i = 0; i < 300; ++i) {
    const size_t bytes = (i * 104729) % (4 * kMiB) + 256;
    held.emplace_back(take(bytes, stream), bytes);
    if (held.size() < 8) continue;
    give(held.front().first, held.front().second, stream);
    held.erase(held.begin());
  }
  for (const auto& [memory, bytes] : held) give(memory, bytes, stream);
}

void use_a_pool_of_its_own(cudaStream_t stream) {
  cudaMemPool_t pool = nullptr;
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  CHECK(cudaMemPoolCreate(&pool, &properties));
  for (int i = 0; i < 3; ++i) {
    void* memory = nullptr;
    CHECK(cudaMallocFromPoolAsync(&memory, 8 * kMiB, pool, stream));
    ledger.took("async", 8 * kMiB);
    if (i < 2) give(memory, 8 * kMiB, stream);  // the third is kept
  }
}

// Each kind of memory may be freed by the other's call.
void cross(cudaStream_t stream) {
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, kMiB));
  ledger.took("device", kMiB);
  CHECK(cudaFreeAsync(memory, stream));
  ledger.gave("device", kMiB);
  memory = take(kMiB, stream);
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaFree(memory));
  ledger.gave("async", kMiB);
}

}  // namespace

int main() {
  cudaStream_t streams[2];
  for (cudaStream_t& stream : streams) CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  scale_in(streams[0]);
  ledger.all_set_up();
  scale_in(streams[1]);
  for (const cudaStream_t stream : streams) churn(stream);
  use_a_pool_of_its_own(streams[0]);
  cross(streams[1]);
  take(32 * kMiB, streams[0]);
  take(5000, streams[1]);
  for (const cudaStream_t stream : streams) CHECK(cudaStreamSynchronize(stream));
  ledger.print();
  return 0;
}
