// What the driver says of a device's memory, read now and then on the program's own thread, beside what Weir knows at that moment.
#pragma once

#include <cstdint>

namespace weir::cuda {

struct DeviceMemory {
  uint64_t used_bytes;
  uint64_t total_bytes;
  uint64_t known_bytes;  // live on the device by Weir's record
  uint64_t tick;
  bool is_known;
  char name[64];
};

// After an allocation in `context`, which is current: asks the driver at the first one and, later, where the last answer is older than
// 100 ms. Registers for the end of the process, which comes before the driver's own end, to ask once more where the main thread ends it.
void note_device_memory(uint64_t context, int device, uint64_t tick);

// `context` is no more: another one of that device's is asked from now on, 0 for none.
void replace_context_of_memory(uint64_t context, int device, uint64_t other);

DeviceMemory device_memory(int device);

void device_memory_reset_after_fork();

}  // namespace weir::cuda
