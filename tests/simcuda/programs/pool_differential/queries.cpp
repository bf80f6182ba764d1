// What the driver says of an address, of memory and of contexts.
#include <iterator>

#include "calls.h"

namespace differential {
namespace {

void ask_attribute(uintptr_t address, int attribute) {
  uint64_t data[8] = {};  // room for any of them
  const CUresult result = cuPointerGetAttribute(data, static_cast<CUpointer_attribute>(attribute), address);
  std::string text = "a" + std::to_string(attribute) + "=" + std::to_string(result);
  if (result == CUDA_SUCCESS) {
    switch (attribute) {
      case CU_POINTER_ATTRIBUTE_CONTEXT:
        text += ":" + std::to_string(slot_of(reinterpret_cast<CUcontext>(data[0])));
        break;
      case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        text += ":" + place_of(data[0]);
        break;
      case CU_POINTER_ATTRIBUTE_BUFFER_ID:
        text += ":" + text_of(number_of_buffer(data[0]));
        break;
      case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        text += data[0] == 0 ? ":none" : ":some";
        break;
      default:
        text += ":" + text_of(data[0]);
    }
  }
  say(text);
}

bool is_about_sharing(int attribute) {
  return attribute == CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE ||
         attribute == CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES || attribute == CU_POINTER_ATTRIBUTE_P2P_TOKENS;
}

void ask_all_attributes(uintptr_t address) {
  for (int attribute = 1; attribute <= CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE; ++attribute) {
    if (is_in_segments && is_about_sharing(attribute)) continue;
    ask_attribute(address, attribute);
  }
}

void ask_several(uintptr_t address) {
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
                                      CU_POINTER_ATTRIBUTE_RANGE_SIZE,  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
                                      CU_POINTER_ATTRIBUTE_BUFFER_ID,   CU_POINTER_ATTRIBUTE_CONTEXT};
  uint64_t data[std::size(attributes)] = {};
  void* places[std::size(attributes)];
  for (size_t i = 0; i < std::size(attributes); ++i) places[i] = &data[i];
  const CUresult result = cuPointerGetAttributes(std::size(attributes), attributes, places, address);
  say("attributes", result);
  if (result != CUDA_SUCCESS) return;
  say(text_of(data[0]) + "," + place_of(data[1]) + "," + text_of(data[2]) + "," + text_of(data[3] & 0xffffffff));
  say(data[4] == 0 ? "no id" : "id " + text_of(number_of_buffer(data[4])));
  say("context " + std::to_string(slot_of(reinterpret_cast<CUcontext>(data[5]))));
}

void ask_range(uintptr_t address) {
  CUdeviceptr base = 0;
  size_t bytes = 0;
  const CUresult result = cuMemGetAddressRange_v2(&base, &bytes, address);
  say("range", result);
  if (result == CUDA_SUCCESS) say(place_of(base) + "," + text_of(bytes));
  if (one_in(4)) say("no range", cuMemGetAddressRange_v2(nullptr, nullptr, address));
}

void ask_host(uintptr_t address) {
  CUdeviceptr device = 0;
  unsigned flags = 0;
  const CUresult result = cuMemHostGetDevicePointer_v2(&device, reinterpret_cast<void*>(address), 0);
  say("device pointer", result);
  if (result == CUDA_SUCCESS) say(place_of(device));
  const CUresult flags_result = cuMemHostGetFlags(&flags, reinterpret_cast<void*>(address));
  say("flags", flags_result);
  if (flags_result == CUDA_SUCCESS) say(text_of(flags));
}

}  // namespace

void ask_sharing(uintptr_t address) {
  if (is_in_segments) return;
  CUipcMemHandle handle{};
  CUdeviceptr opened = 0;
  const CUresult result = cuIpcGetMemHandle(&handle, address);
  say("share", result);
  if (result != CUDA_SUCCESS) return;
  // Memory that was freed since has another handle.
  say("handle " + text_of(number_of_handle(std::string(handle.reserved, sizeof handle))));
  say("open", cuIpcOpenMemHandle_v2(&opened, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
}

void ask_all(uintptr_t address) {
  ask_range(address);
  ask_all_attributes(address);
  ask_several(address);
  ask_host(address);
}

// How much memory the program may still have. An equal figure says that idle memory counts as free.
void ask_memory() {
  if (is_in_segments) return;
  size_t free_bytes = 0, total_bytes = 0;
  const CUresult result = cuMemGetInfo_v2(&free_bytes, &total_bytes);
  say("memory", result);
  if (result == CUDA_SUCCESS) say(text_of(free_bytes) + "/" + text_of(total_bytes));
}

void ask_current() {
  CUcontext context = nullptr;
  CUdevice device = 0;
  say("current", cuCtxGetCurrent(&context));
  say(std::to_string(slot_of(context)));
  const CUresult result = cuCtxGetDevice(&device);
  say("device", result);
  if (result == CUDA_SUCCESS) say(std::to_string(device));
}

}  // namespace differential
