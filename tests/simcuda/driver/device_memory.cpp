#include "device_memory.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace simcuda {
namespace {

// The number is for a process that imports the memory.
int make_file(int device) { return memfd_create(("simcuda device " + std::to_string(device)).c_str(), MFD_CLOEXEC); }

uint64_t whole_pages(uint64_t bytes) { return (bytes + 4095) & ~uint64_t{4095}; }

}  // namespace

DeviceMemory::DeviceMemory(int device, size_t bytes)
    : file_(make_file(device)), total_(bytes), high_{0, bytes}, low_{whole_pages(bytes), kLowBytes} {
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(low_.offset + kLowBytes)) != 0 || !map(high_, 0)) abort();
}

bool DeviceMemory::map(Window& window, int flags) {
  void* mapped = mmap(nullptr, window.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | flags, file_,
                      static_cast<off_t>(window.offset));
  if (mapped == MAP_FAILED) return false;
  window.base = reinterpret_cast<uintptr_t>(mapped);
  window.free[window.base] = window.bytes;
  return true;
}

uintptr_t DeviceMemory::allocate(size_t bytes) { return allocate_in(high_, bytes); }

uintptr_t DeviceMemory::allocate_low(size_t bytes) {
  if (low_.base == 0 && !map(low_, MAP_32BIT)) return 0;
  return allocate_in(low_, bytes);
}

uintptr_t DeviceMemory::allocate_in(Window& window, size_t bytes) {
  if (bytes > free_bytes()) return 0;
  const size_t wanted = rounded(bytes);
  for (auto range = window.free.begin(); range != window.free.end(); ++range) {
    const auto [address, length] = *range;
    if (wanted > length) continue;
    window.free.erase(range);
    if (wanted != length) window.free[address + wanted] = length - wanted;
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
  std::map<uintptr_t, size_t>& free = low_.holds(address) ? low_.free : high_.free;
  auto range = free.emplace(address, length).first;
  if (const auto next = std::next(range); next != free.end() && address + length == next->first) {
    range->second += next->second;
    free.erase(next);
  }
  if (range == free.begin()) return;
  const auto before = std::prev(range);
  if (before->first + before->second != address) return;
  before->second += range->second;
  free.erase(range);
}

bool DeviceMemory::take(size_t bytes) {
  if (rounded(bytes) > free_bytes()) return false;
  used_ += rounded(bytes);
  return true;
}

}  // namespace simcuda
