// The steps of a free that whole blocks serve, for device and for pinned memory.
//
// Any thread. Where the pool need not wait, a free that it keeps makes no call to the driver and takes one short lock twice.
#pragma once

#include "cuda/pool/block_pool.h"
#include "cuda/pool/pool_state.h"

namespace weir::cuda::pool {

// A free by a call of the program's.
struct Freed {
  bool is_passed;  // the pool does not know the address: the driver is to serve the call as it was made
  Result result;
};
// Makes the program's call with that address.
using FreeByDriver = Result (*)(const Call& call, Address address);
Freed release(const Call& call, Memory memory, Address address, FreeByDriver free_by_driver);

// Whether a live block begins there that is a part of a segment: no function of the driver's can free it.
bool is_live_in_segment(Address address);

// What is known of a block that the pool has given up.
struct TakenOut {
  BinKey key;
  int device;
  uint64_t asked_bytes, buffer_id;
  bool is_exported;
};

// Around a call by which the driver frees a block that was the pool's: it is taken back where the driver refuses.
class GivenUp {
 public:
  GivenUp(Memory memory, Address address);
  GivenUp(const GivenUp&) = delete;
  GivenUp& operator=(const GivenUp&) = delete;

  // The program has freed it already: the driver is to be asked with kNoAddress.
  bool was_freed_before() const { return was_ == Was::freed; }
  Result finish(Result result);

 private:
  enum class Was : uint8_t { unknown, live, freed };
  Memory memory_;
  Address address_;
  Was was_ = Was::unknown;
  TakenOut taken_{};
};

}  // namespace weir::cuda::pool
