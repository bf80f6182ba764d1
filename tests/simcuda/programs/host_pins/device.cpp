#include "device.h"

#include <sys/mman.h>

namespace host_pins {

CUcontext context;
bool is_primary = true;
CUstream stream;
CUdeviceptr memory, memory_too;

void enter_context() {
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  MUST(cuMemAlloc_v2(&memory, kLargest));
  MUST(cuMemAlloc_v2(&memory_too, kLargest));
  MUST(cuMemsetD8_v2(memory, 3, kLargest));
  MUST(cuMemsetD8_v2(memory_too, 4, kLargest));
  MUST(cuCtxSynchronize());
}

void delay(void*) {
  constexpr useconds_t kDelay = 300;
  usleep(kDelay);
}

unsigned sum_on_device(CUdeviceptr address, size_t bytes) {
  static unsigned char* const back =
      static_cast<unsigned char*>(mmap(nullptr, kLargest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(cuCtxSynchronize());
  MUST(cuMemcpyDtoH_v2(back, address, bytes));
  return sum_of(back, bytes);
}

unsigned sum_of(const unsigned char* start, size_t bytes) {
  unsigned sum = 0;
  const size_t step = bytes / 61 + 1;
  for (size_t i = 0; i < bytes; i += step) sum = sum * 31 + start[i];
  return sum * 31 + start[bytes - 1];
}

}  // namespace host_pins
