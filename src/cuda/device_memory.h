// What the driver says of a device's memory, read now and then on the program's own thread, beside what Weir knows at that moment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::cuda {

struct DeviceMemory {
  uint64_t used_bytes;
  uint64_t total_bytes;
  uint64_t known_bytes;      // live on the device by Weir's record
  uint64_t pool_idle_bytes;  // taken from the driver by the device's pool, and not in the program's hands
  uint64_t tick;
  bool is_known;
  char name[64];
};

// Asks the driver of the current context's device. False where it does not tell.
bool ask_device_memory(size_t* free_bytes, size_t* total_bytes);

// After the program has allocated or freed on that device, whose context is current: asks the driver, unless that was done so recently
// that it would take more than a hundredth of the time. Never at the process's end, when the driver may be gone, or at work for ever.
void note_device_memory(int device);

DeviceMemory device_memory(int device);

// Asks the driver for device_total_bytes() of the current context's device, where it was not asked yet: for those who need it before
// anything was allocated there.
void learn_device_total(int device);

// 0 where the driver was not asked yet. Cost: a load.
uint64_t device_total_bytes(int device);

void device_memory_reset_after_fork();

}  // namespace weir::cuda
