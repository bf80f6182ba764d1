// Graphs with memory nodes, captured and built by hand, launched several times; nothing of theirs is left at the end.
#include <cstring>

#include "kernels.h"
#include "ledger.h"

namespace {

constexpr int kCount = 40000;
constexpr size_t kBytes = kCount * sizeof(float);
Ledger ledger;

float* take_pinned() {
  float* values = nullptr;
  CHECK(cudaHostAlloc(&values, kBytes, cudaHostAllocDefault));
  ledger.took("pinned", kBytes);
  return values;
}

void launch(cudaGraph_t graph, cudaStream_t stream, int times) {
  cudaGraphExec_t executable = nullptr;
  CHECK(cudaGraphInstantiate(&executable, graph, 0));
  for (int i = 0; i < times; ++i) CHECK(cudaGraphLaunch(executable, stream));
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaGraphExecDestroy(executable));
  CHECK(cudaGraphDestroy(graph));
}

void capture_and_launch(cudaStream_t stream, float* values) {
  for (int i = 0; i < kCount; ++i) values[i] = static_cast<float>(i % 10);
  cudaGraph_t graph = nullptr;
  void* memory = nullptr;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK(cudaMallocAsync(&memory, kBytes, stream));
  CHECK(cudaMemcpyAsync(memory, values, kBytes, cudaMemcpyHostToDevice, stream));
  scale<<<blocks_for(kCount), kBlock, 0, stream>>>(static_cast<float*>(memory), 2, kCount);
  CHECK(cudaMemcpyAsync(values, memory, kBytes, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaFreeAsync(memory, stream));
  CHECK(cudaStreamEndCapture(stream, &graph));
  launch(graph, stream, 5);
  double sum = 0;
  for (int i = 0; i < kCount; ++i) sum += values[i];
  printf("a captured graph, five times: sum %.0f\n", sum);
  expect(sum == 32.0 * 45 * (kCount / 10), "the sum after the captured graph");
}

void build_and_launch(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  CHECK(cudaGraphCreate(&graph, 0));
  cudaMemAllocNodeParams parameters;
  memset(&parameters, 0, sizeof parameters);
  parameters.poolProps.allocType = cudaMemAllocationTypePinned;
  parameters.poolProps.location.type = cudaMemLocationTypeDevice;
  parameters.bytesize = size_t{4} << 20;
  cudaGraphNode_t allocation = nullptr, release = nullptr;
  CHECK(cudaGraphAddMemAllocNode(&allocation, graph, nullptr, 0, &parameters));
  CHECK(cudaGraphAddMemFreeNode(&release, graph, &allocation, 1, parameters.dptr));
  launch(graph, stream, 3);
  printf("a graph built by hand, three times: done\n");
}

}  // namespace

int main() {
  cudaStream_t stream = nullptr;
  CHECK(cudaStreamCreate(&stream));
  float* const values = take_pinned();
  scale<<<1, 1, 0, stream>>>(values, 1, 1);  // loads it, which a capture does not allow
  capture_and_launch(stream, values);
  ledger.all_set_up();
  capture_and_launch(stream, values);
  build_and_launch(stream);
  CHECK(cudaDeviceGraphMemTrim(0));
  void* kept = nullptr;
  CHECK(cudaMalloc(&kept, size_t{2} << 20));
  ledger.took("device", size_t{2} << 20);
  ledger.leaves_none("graph");  // how often a graph's memory is taken is the driver's to say
  ledger.print();
  return 0;
}
