// Physical memory of one device in chunks of one size, and the reserved addresses that they are mapped at: every call of the driver's that
// segments need.
//
// Nothing here locks: whoever calls owns the addresses that it names (VmmRanges says whose they are), and any number of threads may call
// for different ones. No function waits for anything but the driver. The driver's functions are called as they are: what they do is not
// in the program's record. A stream of the program's must not be capturing in a mode that forbids it on this thread
// (cuThreadExchangeStreamCaptureMode): the caller's business. No context need be current: memory made by cuMemCreate() and reserved
// addresses belong to the process, and outlive the context (public cuda.h of CUDA 13.0: none of these calls answers
// CUDA_ERROR_INVALID_CONTEXT).
#pragma once

#include <atomic>

#include "cuda/allocation_table.h"
#include "cuda/driver_types.h"

namespace weir::cuda::pool {

// A set of devices: bit n is device n.
using DeviceMask = uint32_t;
static_assert(kMostDevices <= 32);

inline constexpr uint64_t kMostChunkBytes = uint64_t{1} << 30;

struct ChunkFigures {
  uint64_t reserved_bytes;  // of addresses
  uint64_t count;           // chunks that there are
  uint64_t created_count, moved_count, released_count;
  uint64_t driver_calls;
};

class VmmChunks {
 public:
  constexpr VmmChunks() = default;
  VmmChunks(const VmmChunks&) = delete;
  VmmChunks& operator=(const VmmChunks&) = delete;

  // Asks the driver for its granule; chunks are of `chunk_bytes` (0: one granule), rounded up to a power of two of granules.
  // Result::not_supported where the driver lacks any of the functions, or the device cannot be listed; Result::invalid_value above
  // kMostChunkBytes; else what the driver says. One thread, before anything else.
  Result open(Device device, uint64_t chunk_bytes);

  uint64_t granule_bytes() const { return granule_bytes_; }
  uint64_t chunk_bytes() const { return chunk_bytes_; }

  // Addresses for at least `bytes` (a whole number of chunks), for `wanted_bytes` where they can be had, aligned to a chunk. They stay
  // reserved until close().
  Result reserve(uint64_t bytes, uint64_t wanted_bytes, Address* address, uint64_t* reserved_bytes);

  // What follows takes addresses of whole chunks inside one reservation.

  bool is_filled(Address address) const { return slot_at(address)->is_filled; }

  // A new chunk, mapped there, without access for any device yet. Where it fails, nothing has changed.
  Result create(Address address);

  // The chunk at `from` lies at `to` afterwards, with its contents and without access for any device. Where unmapping fails, nothing has
  // changed; where mapping fails, the memory is the driver's again.
  Result move(Address from, Address to);

  // The chunk there becomes the driver's again. Waits, as far as unmapping does, for the device. Where it fails, it is still there.
  Result release(Address address);

  // For memory that is mapped everywhere in the range.
  Result set_access(Address address, uint64_t bytes, DeviceMask devices, bool may_access);

  // Releases every chunk and every address, even where the driver refuses some of it. No other thread may be in any function.
  void close();

  // In a forked child, which cannot use the driver: forgets everything.
  void abandon();

  ChunkFigures figures() const;

 private:
  struct Slot {
    VmmHandle handle;
    bool is_filled;
  };
  struct Reservation {
    Address address;
    uint64_t bytes;
    Slot* slots;  // one for each chunk's addresses
    std::atomic<Reservation*> next;
  };
  struct Counters {
    std::atomic<uint64_t> reserved_bytes{0}, created{0}, moved{0}, released{0}, calls{0};
  };

  Slot* slot_at(Address address) const;
  Reservation* make_reservation(uint64_t bytes);
  void forget(Reservation* reservation);
  void add_call() { add(counters_.calls, 1); }
  static void add(std::atomic<uint64_t>& counter, uint64_t more) { counter.fetch_add(more, std::memory_order_relaxed); }
  Result map(Address address, VmmHandle handle);
  Result unmap(Address address);
  void give_back(VmmHandle handle);

  Device device_ = 0;
  uint64_t granule_bytes_ = 0;
  uint64_t chunk_bytes_ = 0;
  std::atomic<Reservation*> first_{nullptr};  // readers take no lock: added at the front, never removed before close()
  Counters counters_;
};

}  // namespace weir::cuda::pool
