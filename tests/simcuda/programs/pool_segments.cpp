// Fills a device with blocks, frees every second one and asks for one of their sum; asks about pointers, frees wrongly, and ends the
// context. Prints what it was answered, without addresses: the same in every mode of the pools. With the argument `ipc` it asks for IPC
// handles instead.
#include <cstring>
#include <string>
#include <vector>

#include "must.h"

namespace {

constexpr size_t kTaken = 4 * kMiB, kAsked = kTaken - 100;  // of a block
constexpr size_t kBlocks = 40;

CUdeviceptr take(size_t bytes) {
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, bytes));
  return address;
}

size_t free_bytes() {
  size_t bytes = 0;
  MUST(cuMemGetInfo_v2(&bytes, nullptr));
  return bytes;
}

unsigned char value_of(size_t block) { return static_cast<unsigned char>(block + 1); }

bool holds(CUdeviceptr address, size_t bytes, unsigned char value) {
  std::vector<unsigned char> found(bytes);
  MUST(cuMemcpyDtoH_v2(found.data(), address, bytes));
  for (const unsigned char byte : found) {
    if (byte != value) return false;
  }
  return true;
}

template <class Value>
Value attribute(CUpointer_attribute which, CUdeviceptr address) {
  Value value{};
  MUST(cuPointerGetAttribute(&value, which, address));
  return value;
}

void show_pointer(const char* name, CUdeviceptr block, CUcontext context) {
  const CUdeviceptr inside = block + kAsked - 1;
  CUdeviceptr start = 0;
  size_t bytes = 0;
  MUST(cuMemGetAddressRange_v2(&start, &bytes, inside));
  std::printf("%s: range from %+ld of %zu; attributes: from %+ld of %zu, context %d, device %d, type %u\n", name,
              static_cast<long>(start - block), bytes,
              static_cast<long>(attribute<CUdeviceptr>(CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, inside) - block),
              attribute<size_t>(CU_POINTER_ATTRIBUTE_RANGE_SIZE, inside),
              attribute<CUcontext>(CU_POINTER_ATTRIBUTE_CONTEXT, inside) == context,
              attribute<int>(CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, inside),
              attribute<unsigned>(CU_POINTER_ATTRIBUTE_MEMORY_TYPE, inside));
}

void show_errors(CUdeviceptr live, CUdeviceptr freed) {
  CUdeviceptr start = 0;
  int ordinal = 0;
  std::printf("freed: range %d, attribute %d, free %d; interior: free %d; beyond: range %d\n",
              cuMemGetAddressRange_v2(&start, nullptr, freed),
              cuPointerGetAttribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, freed), cuMemFree_v2(freed),
              cuMemFree_v2(live + 512), cuMemGetAddressRange_v2(&start, nullptr, freed + kTaken - 1));
}

// A block's next owner has another buffer's id.
void show_buffer_ids() {
  const CUdeviceptr first = take(kAsked);
  const auto id = attribute<unsigned long long>(CU_POINTER_ATTRIBUTE_BUFFER_ID, first);
  MUST(cuMemFree_v2(first));
  const CUdeviceptr second = take(kAsked);
  std::printf("buffer's id is another: %d\n",
              attribute<unsigned long long>(CU_POINTER_ATTRIBUTE_BUFFER_ID, second) != id);
  MUST(cuMemFree_v2(second));
}

void show_stream_ordered_free() {
  CUstream stream = nullptr;
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  const CUdeviceptr block = take(kAsked);
  const size_t before = free_bytes();
  MUST(cuMemFreeAsync(block, stream));
  MUST(cuStreamSynchronize(stream));
  std::printf("freed in a stream: %zu bytes; again: %d\n", free_bytes() - before, cuMemFreeAsync(block, stream));
  MUST(cuStreamDestroy_v2(stream));
}

void fill_fragment_and_ask(CUcontext context) {
  const size_t at_start = free_bytes();
  std::vector<CUdeviceptr> blocks;
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(take(kAsked));
    MUST(cuMemsetD8_v2(blocks[i], value_of(i), kAsked));
  }
  std::printf("filled: %zu bytes less\n", at_start - free_bytes());
  for (size_t i = 0; i < kBlocks; i += 2) MUST(cuMemFree_v2(blocks[i]));
  std::printf("every second one freed: %zu bytes less\n", at_start - free_bytes());
  show_pointer("block", blocks[1], context);
  show_errors(blocks[1], blocks[2]);

  const size_t rest = free_bytes() / kTaken * kTaken;
  const CUdeviceptr large = take(rest);
  MUST(cuMemsetD8_v2(large, 0xee, rest));
  CUdeviceptr more = 0;
  std::printf("all that is free in one: yes; and one more: %d\n", cuMemAlloc_v2(&more, kTaken));
  size_t kept = 0;
  for (size_t i = 1; i < kBlocks; i += 2) kept += holds(blocks[i], kAsked, value_of(i));
  std::printf("kept their contents: %zu, and the large one: %d\n", kept, holds(large, rest, 0xee));
  MUST(cuMemFree_v2(large));
  show_buffer_ids();
  show_stream_ordered_free();
  for (size_t i = 1; i < kBlocks; i += 2) MUST(cuMemFree_v2(blocks[i]));
  std::printf("all freed: %zu bytes less\n", at_start - free_bytes());
}

void ask_for_ipc() {
  CUipcMemHandle handle;
  const CUdeviceptr early = take(kAsked);
  const CUresult first = cuIpcGetMemHandle(&handle, early);
  const CUdeviceptr late = take(kAsked);
  std::printf("before: %d, after: %d\n", first, cuIpcGetMemHandle(&handle, late));
  MUST(cuMemFree_v2(early));
  MUST(cuMemFree_v2(late));
}

}  // namespace

int main(int argc, char** argv) {
  MUST(cuInit(0));
  const CUcontext context = enter(0);
  const CUdeviceptr first = take(kMiB);  // by which the driver tells whose memory is allocated here
  if (argc > 1 && std::string(argv[1]) == "ipc") {
    ask_for_ipc();
  } else {
    fill_fragment_and_ask(context);
  }
  MUST(cuMemFree_v2(first));
  take(8 * kMiB);
  MUST(cuDevicePrimaryCtxReset_v2(0));
  enter(0);
  size_t free = 0, total = 0;
  MUST(cuMemGetInfo_v2(&free, &total));
  std::printf("after the context's end: %zu bytes less\n", total - free);
}
