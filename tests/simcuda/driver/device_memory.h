// The memory of one simulated device: addresses in this process that a sparse file backs, so that another process can map the same
// memory (IPC, exported handles) and what is freed is given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace simcuda {

class DeviceMemory {
 public:
  DeviceMemory(int device, size_t bytes);
  DeviceMemory(const DeviceMemory&) = delete;

  // An address of `bytes`, rounded up as rounded() says, or 0 where so much memory is not free: of addresses there are always enough.
  // What takes whole kLargeGranules begins at a multiple of one.
  uintptr_t allocate(size_t bytes);
  // The same, with an address of 32 bits: kLowBytes of them are mapped at the first call.
  uintptr_t allocate_low(size_t bytes);
  void release(uintptr_t address, size_t bytes);

  // Counts bytes that lie in a file of their own (memory that cuMemCreate() gave): false where so many are not free.
  bool take(size_t bytes);
  void give_back(size_t bytes) { used_ -= rounded(bytes); }

  size_t total_bytes() const { return total_; }
  size_t free_bytes() const { return total_ - used_; }
  size_t peak_bytes() const { return peak_; }
  bool holds(uintptr_t address) const { return large_.holds(address) || small_.holds(address) || low_.holds(address); }

  // Where an address lies in the file, for another process.
  int file() const { return file_; }
  uint64_t offset_of(uintptr_t address) const;

  // What a link to the file says, in /proc: with the device's number.
  static constexpr const char* kFileLink = "/memfd:simcuda device %d";

  // A device's memory is given out in whole granules: in small ones up to kMostSmall bytes, in large ones above.
  static constexpr size_t kSmallGranule = 512;
  static constexpr size_t kLargeGranule = size_t{2} << 20;
  static constexpr size_t kMostSmall = size_t{1} << 20;
  static bool is_large(size_t bytes) { return bytes > kMostSmall; }
  // SIZE_MAX for what is more than there can be.
  static size_t rounded(size_t bytes) {
    const size_t granule = is_large(bytes) ? kLargeGranule : kSmallGranule;
    return bytes > SIZE_MAX - granule ? SIZE_MAX : (bytes + granule - 1) & ~(granule - 1);
  }

 private:
  // So many addresses for each byte of memory, for large blocks and again for small ones, so that holes between live blocks do not make
  // a block impossible for which there is memory: a device maps scattered pages.
  static constexpr size_t kAddressesPerByte = 8;
  // What lies below 2 GiB is little: eight devices' fits.
  static constexpr size_t kLowBytes = size_t{64} << 20;

  // Addresses that a part of the file backs.
  struct Window {
    uint64_t offset;
    size_t bytes;
    uintptr_t base = 0;  // 0: not mapped
    // Ranges, no two of which touch: by address, and by length.
    std::map<uintptr_t, size_t> free = {};
    std::set<std::pair<size_t, uintptr_t>> by_length = {};

    bool holds(uintptr_t address) const { return base != 0 && address - base < bytes; }
    void add(uintptr_t address, size_t length);
    void remove(std::map<uintptr_t, size_t>::iterator range);
  };
  bool map(Window& window, int flags);
  Window& window_of(uintptr_t address);
  uintptr_t allocate_in(Window& window, size_t bytes);
  void use(size_t bytes);

  int file_;
  size_t total_;
  size_t used_ = 0, peak_ = 0;
  Window large_, small_, low_;  // the file has all, one behind the other; what is used of them is at most total_
};

}  // namespace simcuda
