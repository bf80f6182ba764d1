// Calls that give memory.
#include <iterator>

#include "calls.h"

namespace differential {
namespace {

// Half of them of few sizes, so that what was freed is asked for again.
size_t some_size() {
  constexpr size_t kOften[] = {1, 700, 3000, 70'000, kMiB, 3 * kMiB};
  if (one_in(2)) return kOften[below(std::size(kOften))];
  const unsigned kind = below(40);
  if (kind == 0) return 0;
  if (kind == 1) return size_t{1} << 40;
  if (kind == 2) return 64 * kMiB;
  if (kind < 16) return 1 + below(5000);
  if (kind < 26) return 1 + below(kMiB);
  if (kind < 34) return (1 + below(6)) * kMiB + below(3) - 1;
  return 1 + below(24 * kMiB);
}

struct Rows {
  size_t width, height;
  unsigned element_bytes;
};

// Most of them of few shapes, large ones of one size to the driver; now and then one that it refuses.
Rows some_rows() {
  constexpr Rows kOften[] = {{600, 5, 8}, {2000, 700, 16}, {2000, 701, 4}, {4000, 350, 4}};
  if (!one_in(4)) return kOften[below(std::size(kOften))];
  if (one_in(15)) return {below(2), below(2), below(5)};
  return {1 + below(5000), 1 + below(500), 4U << below(3)};
}

// The program's own memory, in parts: there for good.
alignas(4096) char own_memory[16][8192];

}  // namespace

void allocate_device() {
  const size_t bytes = some_size();
  CUdeviceptr address = 0;
  say("bytes " + text_of(bytes));
  const CUresult result = cuMemAlloc_v2(&address, bytes);
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  add(Kind::device, address, bytes);
  say("aligned " + std::to_string(address % 512 == 0));
}

void allocate_pitched() {
  const auto [width, height, element_bytes] = some_rows();
  CUdeviceptr address = 0;
  size_t pitch = 0;
  say(text_of(width) + "x" + text_of(height) + " of " + text_of(element_bytes));
  const CUresult result = cuMemAllocPitch_v2(&address, &pitch, width, height, element_bytes);
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  say("pitch " + text_of(pitch));
  add(Kind::pitched, address, pitch * height);
}

void allocate_managed() {
  const size_t bytes = some_size() % (4 * kMiB);
  CUdeviceptr address = 0;
  const CUresult result = cuMemAllocManaged(&address, bytes, CU_MEM_ATTACH_GLOBAL);
  say("bytes " + text_of(bytes));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::managed, address, bytes);
}

void allocate_async() {
  if (current[thread_of_call] == kNone) return;
  const size_t bytes = some_size();
  const CUstream stream = contexts[static_cast<size_t>(current[thread_of_call])].stream;
  CUdeviceptr address = 0;
  const CUresult result = cuMemAllocAsync(&address, bytes, stream);
  say("bytes " + text_of(bytes));
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  say("synchronise", cuStreamSynchronize(stream));
  add(Kind::async, address, bytes);
}

void allocate_pinned() {
  constexpr unsigned kFlags[] = {
      0, 0, 0, CU_MEMHOSTALLOC_PORTABLE, CU_MEMHOSTALLOC_DEVICEMAP, CU_MEMHOSTALLOC_WRITECOMBINED};
  const size_t bytes = some_size() % (16 * kMiB);
  void* address = nullptr;
  const unsigned flags = kFlags[below(std::size(kFlags))];
  const bool plain = one_in(4);
  const CUresult result = plain ? cuMemAllocHost_v2(&address, bytes) : cuMemHostAlloc(&address, bytes, flags);
  say("bytes " + text_of(bytes) + (plain ? " plain" : " flags " + text_of(flags)));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::pinned, reinterpret_cast<uintptr_t>(address), bytes);
}

void register_own() {
  char* const memory = own_memory[below(16)];
  const CUresult result = cuMemHostRegister_v2(memory, sizeof own_memory[0], 0);
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::registered, reinterpret_cast<uintptr_t>(memory), sizeof own_memory[0]);
}

void create_array() {
  const CUDA_ARRAY3D_DESCRIPTOR shape{1 + below(2000), 1 + below(1000), 0, CU_AD_FORMAT_FLOAT, 1, 0};
  CUarray array = nullptr;
  const CUresult result = cuArray3DCreate_v2(&array, &shape);
  say(text_of(shape.Width) + "x" + text_of(shape.Height));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::array, reinterpret_cast<uintptr_t>(array), 0);
}

void create_mipmapped() {
  const CUDA_ARRAY3D_DESCRIPTOR shape{1 + below(2000), 1 + below(1000), 0, CU_AD_FORMAT_FLOAT, 1, 0};
  CUmipmappedArray array = nullptr;
  const CUresult result = cuMipmappedArrayCreate(&array, &shape, 3);
  say(text_of(shape.Width) + "x" + text_of(shape.Height));
  say("result", result);
  if (result == CUDA_SUCCESS) add(Kind::mipmapped, reinterpret_cast<uintptr_t>(array), 0);
}

void create_physical() {
  CUmemAllocationProp wish{};
  wish.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  wish.location = {CU_MEM_LOCATION_TYPE_DEVICE, {static_cast<int>(below(2))}};
  const size_t bytes = (1 + below(8)) * 2 * kMiB;
  CUmemGenericAllocationHandle handle = 0;
  const CUresult result = cuMemCreate(&handle, bytes, &wish, 0);
  say("bytes " + text_of(bytes) + " of " + std::to_string(wish.location.id));
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  add(Kind::physical, handle, bytes);
  items.back().context = kNone;
}

}  // namespace differential
