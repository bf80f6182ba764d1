#include "device_memory.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace simcuda {
namespace {

// The number is for a process that imports the memory.
int make_file(int device) { return memfd_create(("simcuda device " + std::to_string(device)).c_str(), MFD_CLOEXEC); }

uint64_t whole_granules(uint64_t bytes) {
  return (bytes + DeviceMemory::kLargeGranule - 1) & ~uint64_t{DeviceMemory::kLargeGranule - 1};
}

}  // namespace

// Behind each window lies one granule of the file that its alignment may need.
DeviceMemory::DeviceMemory(int device, size_t bytes)
    : file_(make_file(device)),
      total_(bytes),
      large_{0, whole_granules(kAddressesPerByte * bytes)},
      small_{large_.bytes + kLargeGranule, large_.bytes},
      low_{small_.offset + small_.bytes + kLargeGranule, kLowBytes} {
  const uint64_t file_bytes = low_.offset + kLowBytes + kLargeGranule;
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(file_bytes)) != 0 || !map(large_, 0) || !map(small_, 0)) abort();
}

bool DeviceMemory::map(Window& window, int flags) {
  void* mapped = mmap(nullptr, window.bytes + kLargeGranule, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | flags,
                      file_, static_cast<off_t>(window.offset));
  if (mapped == MAP_FAILED) return false;
  const auto start = reinterpret_cast<uintptr_t>(mapped);
  window.base = whole_granules(start);
  window.offset += window.base - start;
  window.add(window.base, window.bytes);
  return true;
}

void DeviceMemory::Window::add(uintptr_t address, size_t length) {
  free.emplace(address, length);
  by_length.emplace(length, address);
}

void DeviceMemory::Window::remove(std::map<uintptr_t, size_t>::iterator range) {
  by_length.erase({range->second, range->first});
  free.erase(range);
}

DeviceMemory::Window& DeviceMemory::window_of(uintptr_t address) {
  return low_.holds(address) ? low_ : small_.holds(address) ? small_ : large_;
}

uint64_t DeviceMemory::offset_of(uintptr_t address) const {
  const Window& window = const_cast<DeviceMemory*>(this)->window_of(address);
  return window.offset + (address - window.base);
}

uintptr_t DeviceMemory::allocate(size_t bytes) { return allocate_in(is_large(bytes) ? large_ : small_, bytes); }

uintptr_t DeviceMemory::allocate_low(size_t bytes) {
  if (low_.base == 0 && !map(low_, MAP_32BIT)) return 0;
  return allocate_in(low_, bytes);
}

// The shortest range that suffices, so that long ones stay.
uintptr_t DeviceMemory::allocate_in(Window& window, size_t bytes) {
  const size_t wanted = rounded(bytes);
  if (wanted > free_bytes()) return 0;
  const auto found = window.by_length.lower_bound({wanted, 0});
  if (found == window.by_length.end()) return 0;
  const auto [length, address] = *found;
  window.remove(window.free.find(address));
  if (wanted != length) window.add(address + wanted, length - wanted);
  use(wanted);
  return address;
}

void DeviceMemory::release(uintptr_t address, size_t bytes) {
  const size_t length = rounded(bytes);
  fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset_of(address)),
            static_cast<off_t>(length));
  used_ -= length;
  Window& window = window_of(address);
  uintptr_t begin = address, end = address + length;
  if (const auto next = window.free.find(end); next != window.free.end()) {
    end += next->second;
    window.remove(next);
  }
  const auto after = window.free.lower_bound(begin);
  if (after != window.free.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == begin) {
      begin = before->first;
      window.remove(before);
    }
  }
  window.add(begin, end - begin);
}

void DeviceMemory::use(size_t bytes) {
  used_ += bytes;
  peak_ = std::max(peak_, used_);
}

bool DeviceMemory::take(size_t bytes) {
  if (rounded(bytes) > free_bytes()) return false;
  use(rounded(bytes));
  return true;
}

}  // namespace simcuda
