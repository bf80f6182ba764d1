// Walks the runtime's memory calls and checks each; says nothing and ends with 0 where all is right. One block is left on purpose.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <vector>

namespace {

int wrong = 0;

void expect(bool holds, const char* what, int line) {
  if (holds) return;
  fprintf(stderr, "line %d: %s\n", line, what);
  ++wrong;
}
#define EXPECT(condition) expect(condition, #condition, __LINE__)
#define EXPECT_OK(call) expect((call) == cudaSuccess, #call, __LINE__)

__device__ int device_variable[16];
__managed__ int managed_variable;

extern "C" __global__ void scale(float* values, float factor, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) values[i] *= factor;
}

cudaMemoryType type_of(const void* pointer) {
  cudaPointerAttributes attributes;
  EXPECT_OK(cudaPointerGetAttributes(&attributes, pointer));
  return attributes.type;
}

void walk_linear() {
  std::vector<char> from(1 << 20, 7), to(1 << 20);
  void *one = nullptr, *two = nullptr;
  size_t before = 0, after = 0, total = 0;
  EXPECT_OK(cudaMemGetInfo(&before, &total));
  EXPECT_OK(cudaMalloc(&one, from.size()));
  EXPECT_OK(cudaMalloc(&two, from.size()));
  EXPECT_OK(cudaMemGetInfo(&after, &total));
  EXPECT(before - after == 2 * from.size());
  EXPECT_OK(cudaMemcpy(one, from.data(), from.size(), cudaMemcpyHostToDevice));
  EXPECT_OK(cudaMemcpy(two, one, from.size(), cudaMemcpyDeviceToDevice));
  EXPECT_OK(cudaMemcpy(to.data(), two, to.size(), cudaMemcpyDeviceToHost));
  EXPECT(from == to);
  EXPECT(type_of(static_cast<char*>(one) + 5) == cudaMemoryTypeDevice);
  EXPECT(type_of(&one) == cudaMemoryTypeUnregistered);
  EXPECT_OK(cudaFree(one));
  EXPECT_OK(cudaFree(two));
  EXPECT(cudaFree(two) == cudaErrorInvalidValue);
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  EXPECT(cudaMalloc(&one, size_t{1} << 40) == cudaErrorMemoryAllocation);
  cudaGetLastError();
}

void walk_host() {
  void *pinned = nullptr, *mapped = nullptr, *managed = nullptr;
  static char own[8192];
  EXPECT_OK(cudaMallocHost(&pinned, 4096));
  EXPECT_OK(cudaHostAlloc(&mapped, 4096, cudaHostAllocMapped));
  EXPECT_OK(cudaMallocManaged(&managed, 4096));
  static_cast<char*>(managed)[5] = 1;
  EXPECT(type_of(managed) == cudaMemoryTypeManaged);
  EXPECT(type_of(pinned) == cudaMemoryTypeHost);
  EXPECT_OK(cudaHostRegister(own, sizeof own, 0));
  EXPECT_OK(cudaHostUnregister(own));
  EXPECT_OK(cudaFreeHost(pinned));
  EXPECT_OK(cudaFreeHost(mapped));
  EXPECT_OK(cudaFree(managed));
}

void walk_shapes() {
  size_t pitch = 0;
  void* rows = nullptr;
  std::vector<char> from(1000, 3);
  EXPECT_OK(cudaMallocPitch(&rows, &pitch, 100, 10));
  EXPECT(pitch >= 100);
  EXPECT_OK(cudaMemcpy2D(rows, pitch, from.data(), 100, 100, 10, cudaMemcpyDefault));
  EXPECT_OK(cudaFree(rows));
  cudaPitchedPtr box;
  EXPECT_OK(cudaMalloc3D(&box, make_cudaExtent(64, 8, 4)));
  EXPECT_OK(cudaFree(box.ptr));
  const cudaChannelFormatDesc channels = cudaCreateChannelDesc<float>();
  cudaArray_t array = nullptr;
  cudaMipmappedArray_t mipmapped = nullptr;
  EXPECT_OK(cudaMallocArray(&array, &channels, 64, 64));
  EXPECT_OK(cudaFreeArray(array));
  EXPECT_OK(cudaMallocMipmappedArray(&mipmapped, &channels, make_cudaExtent(64, 64, 0), 3));
  EXPECT_OK(cudaFreeMipmappedArray(mipmapped));
}

void walk_streams() {
  cudaStream_t stream = nullptr;
  void* memory = nullptr;
  EXPECT_OK(cudaStreamCreate(&stream));
  EXPECT_OK(cudaMallocAsync(&memory, 5000, stream));
  EXPECT_OK(cudaMemsetAsync(memory, 1, 5000, stream));
  EXPECT_OK(cudaFreeAsync(memory, stream));
  cudaMemPool_t pool = nullptr;
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, 0};
  EXPECT_OK(cudaMemPoolCreate(&pool, &properties));
  EXPECT_OK(cudaMallocFromPoolAsync(&memory, 9000, pool, stream));
  unsigned long long used = 0;
  EXPECT_OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  EXPECT(used == 9000);
  EXPECT_OK(cudaFreeAsync(memory, stream));
  EXPECT_OK(cudaStreamSynchronize(stream));
  EXPECT_OK(cudaMemPoolDestroy(pool));

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  EXPECT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  EXPECT_OK(cudaMallocAsync(&memory, 4096, stream));
  EXPECT_OK(cudaFreeAsync(memory, stream));
  EXPECT_OK(cudaStreamEndCapture(stream, &graph));
  EXPECT_OK(cudaGraphInstantiate(&executable, graph, 0));
  EXPECT_OK(cudaGraphLaunch(executable, stream));
  EXPECT_OK(cudaStreamSynchronize(stream));
  EXPECT_OK(cudaGraphExecDestroy(executable));
  EXPECT_OK(cudaGraphDestroy(graph));
  EXPECT_OK(cudaStreamDestroy(stream));
}

void walk_kernels() {
  constexpr int kCount = 1000;
  std::vector<float> values(kCount, 2);
  float* on_device = nullptr;
  EXPECT_OK(cudaMalloc(&on_device, kCount * sizeof(float)));
  EXPECT_OK(cudaMemcpy(on_device, values.data(), kCount * sizeof(float), cudaMemcpyHostToDevice));
  scale<<<(kCount + 255) / 256, 256>>>(on_device, 1.5F, kCount);
  EXPECT_OK(cudaGetLastError());
  EXPECT_OK(cudaMemcpy(values.data(), on_device, kCount * sizeof(float), cudaMemcpyDeviceToHost));
  EXPECT(values[kCount - 1] == 3);
  int written = 42, read = 0;
  EXPECT_OK(cudaMemcpyToSymbol(device_variable, &written, sizeof written));
  EXPECT_OK(cudaMemcpyFromSymbol(&read, device_variable, sizeof read));
  EXPECT(read == 42);
  managed_variable = 3;
  EXPECT(managed_variable == 3);
  // on_device is left.
}

}  // namespace

int main() {
  int count = 0;
  EXPECT_OK(cudaGetDeviceCount(&count));
  EXPECT(count >= 1);
  EXPECT_OK(cudaSetDevice(0));
  walk_linear();
  walk_host();
  walk_shapes();
  walk_streams();
  walk_kernels();
  EXPECT_OK(cudaDeviceSynchronize());
  return wrong == 0 ? 0 : 1;
}
