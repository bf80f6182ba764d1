// The memory of one simulated device: addresses in this process that a sparse file backs, so that another process can map the same
// memory (IPC, exported handles) and what is freed is given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace simcuda {

class DeviceMemory {
 public:
  DeviceMemory(int device, size_t bytes);
  DeviceMemory(const DeviceMemory&) = delete;

  // An address of `bytes`, rounded up to kGranule, or 0 where no range that long is free.
  uintptr_t allocate(size_t bytes);
  // The same, with an address of 32 bits: kLowBytes of them are mapped at the first call.
  uintptr_t allocate_low(size_t bytes);
  void release(uintptr_t address, size_t bytes);

  // Counts bytes that lie in a file of their own (memory that cuMemCreate() gave): false where so many are not free.
  bool take(size_t bytes);
  void give_back(size_t bytes) { used_ -= rounded(bytes); }

  size_t total_bytes() const { return total_; }
  size_t free_bytes() const { return total_ - used_; }
  bool holds(uintptr_t address) const { return high_.holds(address) || low_.holds(address); }

  // Where an address lies in the file, for another process.
  int file() const { return file_; }
  uint64_t offset_of(uintptr_t address) const {
    const Window& window = low_.holds(address) ? low_ : high_;
    return window.offset + (address - window.base);
  }

  // What a link to the file says, in /proc: with the device's number.
  static constexpr const char* kFileLink = "/memfd:simcuda device %d";

  static constexpr size_t kGranule = 512;
  static size_t rounded(size_t bytes) { return (bytes + kGranule - 1) & ~(kGranule - 1); }

 private:
  // What lies below 2 GiB is little: eight devices' fits.
  static constexpr size_t kLowBytes = size_t{64} << 20;

  // Addresses that a part of the file backs.
  struct Window {
    uint64_t offset;
    size_t bytes;
    uintptr_t base = 0;                     // 0: not mapped
    std::map<uintptr_t, size_t> free = {};  // ranges by address, no two of which touch

    bool holds(uintptr_t address) const { return base != 0 && address - base < bytes; }
  };
  bool map(Window& window, int flags);
  uintptr_t allocate_in(Window& window, size_t bytes);

  int file_;
  size_t total_;
  size_t used_ = 0;
  Window high_, low_;  // the file has both, one behind the other; what is used of both is at most total_
};

}  // namespace simcuda
