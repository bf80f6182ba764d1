#include "device_memory.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

namespace simcuda {

DeviceMemory::DeviceMemory(size_t bytes) : file_(memfd_create("simcuda device", MFD_CLOEXEC)), total_(bytes) {
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(bytes)) != 0) abort();
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
  if (mapped == MAP_FAILED) abort();
  base_ = reinterpret_cast<uintptr_t>(mapped);
  free_[base_] = bytes;
}

uintptr_t DeviceMemory::allocate(size_t bytes, size_t alignment) {
  if (bytes > total_ - used_) return 0;
  const size_t wanted = rounded(bytes);
  for (auto range = free_.begin(); range != free_.end(); ++range) {
    const auto [start, length] = *range;
    const uintptr_t address = (start + alignment - 1) & ~(alignment - 1);
    if (address - start + wanted > length) continue;
    free_.erase(range);
    if (address != start) free_[start] = address - start;
    if (const size_t left = start + length - (address + wanted); left != 0) free_[address + wanted] = left;
    used_ += wanted;
    return address;
  }
  return 0;
}

void DeviceMemory::release(uintptr_t address, size_t bytes) {
  const size_t length = rounded(bytes);
  fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset_of(address)),
            static_cast<off_t>(length));
  used_ -= length;
  auto range = free_.emplace(address, length).first;
  if (const auto next = std::next(range); next != free_.end() && address + length == next->first) {
    range->second += next->second;
    free_.erase(next);
  }
  if (range == free_.begin()) return;
  const auto before = std::prev(range);
  if (before->first + before->second != address) return;
  before->second += range->second;
  free_.erase(range);
}

bool DeviceMemory::take(size_t bytes) {
  if (rounded(bytes) > total_ - used_) return false;
  used_ += rounded(bytes);
  return true;
}

}  // namespace simcuda
