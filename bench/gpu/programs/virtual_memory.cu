// Virtual memory management by the driver's functions, fetched as frameworks fetch them: one mapping is kept at the end.
#include <cuda.h>

#include <vector>

#include "kernels.h"
#include "ledger.h"

namespace {

constexpr size_t kBytes = size_t{16} << 20;
Ledger ledger;

template <class Function>
Function* driver_function(const char* name) {
  constexpr unsigned kVersion = 10020;
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status{};
  CHECK(cudaGetDriverEntryPointByVersion(name, &found, kVersion, cudaEnableDefault, &status));
  expect(found != nullptr, name);
  return reinterpret_cast<Function*>(found);
}
#define DRIVER(name) driver_function<decltype(name)>(#name)

void check_driver(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  fprintf(stderr, "%s: %d\n", what, static_cast<int>(result));
  exit(2);
}
#define CHECK_DRIVER(call) check_driver((call), #call)

struct Mapping {
  CUmemGenericAllocationHandle handle;
  CUdeviceptr address;
};

Mapping map() {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  Mapping made{};
  CHECK_DRIVER(DRIVER(cuMemCreate)(&made.handle, kBytes, &properties, 0));
  ledger.took("vmm", kBytes);
  CHECK_DRIVER(DRIVER(cuMemAddressReserve)(&made.address, kBytes, 0, 0, 0));
  CHECK_DRIVER(DRIVER(cuMemMap)(made.address, kBytes, 0, made.handle, 0));
  CUmemAccessDesc access{};
  access.location = properties.location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  CHECK_DRIVER(DRIVER(cuMemSetAccess)(made.address, kBytes, &access, 1));
  return made;
}

void unmap(const Mapping& made) {
  CHECK_DRIVER(DRIVER(cuMemUnmap)(made.address, kBytes));
  CHECK_DRIVER(DRIVER(cuMemAddressFree)(made.address, kBytes));
  CHECK_DRIVER(DRIVER(cuMemRelease)(made.handle));
  ledger.gave("vmm", kBytes);
}

void scale_in(const Mapping& made) {
  std::vector<float> values(kBytes / sizeof(float), 3);
  auto* const memory = reinterpret_cast<float*>(made.address);
  const int count = static_cast<int>(values.size());
  CHECK(cudaMemcpy(memory, values.data(), kBytes, cudaMemcpyHostToDevice));
  scale<<<blocks_for(count), kBlock>>>(memory, 4, count);
  CHECK(cudaMemcpy(values.data(), memory, kBytes, cudaMemcpyDeviceToHost));
  double sum = 0;
  for (const float value : values) sum += value;
  printf("scaled in mapped memory: sum %.0f\n", sum);
  expect(sum == 12.0 * count, "the sum of what was scaled in mapped memory");
}

}  // namespace

int main() {
  CHECK(cudaSetDevice(0));
  const Mapping first = map();
  scale_in(first);
  unmap(first);
  ledger.all_set_up();
  scale_in(map());  // kept
  ledger.print();
  return 0;
}
