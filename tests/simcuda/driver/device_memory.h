// The memory of one simulated device: addresses in this process that a sparse file backs, so that another process can map the same
// memory (IPC, exported handles) and what is freed is given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace simcuda {

class DeviceMemory {
 public:
  explicit DeviceMemory(size_t bytes);
  DeviceMemory(const DeviceMemory&) = delete;

  // An address of `bytes`, rounded up to kGranule, or 0 where no range that long is free.
  uintptr_t allocate(size_t bytes, size_t alignment = kGranule);
  void release(uintptr_t address, size_t bytes);

  // Counts bytes that lie in a file of their own (memory that cuMemCreate() gave): false where so many are not free.
  bool take(size_t bytes);
  void give_back(size_t bytes) { used_ -= rounded(bytes); }

  size_t total_bytes() const { return total_; }
  size_t free_bytes() const { return total_ - used_; }
  bool holds(uintptr_t address) const { return address - base_ < total_; }

  // Where an address lies in the file, for another process.
  int file() const { return file_; }
  uint64_t offset_of(uintptr_t address) const { return address - base_; }

  static constexpr size_t kGranule = 512;
  static size_t rounded(size_t bytes) { return (bytes + kGranule - 1) & ~(kGranule - 1); }

 private:
  int file_;
  size_t total_;
  size_t used_ = 0;
  uintptr_t base_;
  std::map<uintptr_t, size_t> free_;  // ranges by address, no two of which touch
};

}  // namespace simcuda
