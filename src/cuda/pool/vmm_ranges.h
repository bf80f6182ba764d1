// Ranges of device addresses, what each is used for, and which suits a request: the books of segments, without any call of the driver's.
//
// What was added at once lies side by side without gaps, whatever becomes of its parts. Holes and free ranges join with their neighbours
// of the same state; live and moving ones stay what they were made. One thread at a time: whoever owns the object holds a lock. Memory
// comes from the arena. Every function that looks for a range takes time logarithmic in their number.
#pragma once

#include "core/treap.h"
#include "cuda/driver_types.h"

namespace weir::cuda::pool {

// hole: addresses without memory. free: with memory, may be handed out at once. live: in the program's hands. moving: a thread is
// mapping or unmapping memory there without holding the lock; nobody else touches it.
enum class RangeState : uint8_t { hole, free, live, moving };
inline constexpr size_t kRangeStates = 4;

struct Range;

struct ByAddress {
  ByAddress* left;
  ByAddress* right;
  uint32_t priority;
  Address key() const;
};

// By bytes, then by address.
using SizeKey = unsigned __int128;
struct BySize {
  BySize* left;
  BySize* right;
  uint32_t priority;
  SizeKey key() const;
};

struct Range : ByAddress, BySize {
  Address address;
  uint64_t bytes;
  uint64_t asked_bytes;  // of a live one: the caller's to set
  Range* before;         // neighbours among what was added at once
  Range* after;
  Range* next;  // in a list of the caller's
  RangeState state;

  Address end() const { return address + bytes; }
};

inline Address ByAddress::key() const { return static_cast<const Range*>(this)->address; }
inline SizeKey BySize::key() const {
  const auto* range = static_cast<const Range*>(this);
  return (SizeKey{range->bytes} << 64) | range->address;
}

class VmmRanges {
 public:
  constexpr VmmRanges() = default;
  VmmRanges(const VmmRanges&) = delete;
  VmmRanges& operator=(const VmmRanges&) = delete;

  // New addresses, which overlap none that were added: a hole. False where there is no memory for the record.
  bool add(Address address, uint64_t bytes);

  // The range that holds an address; nullptr: none.
  Range* at(Address address) const;
  // The first that begins at or behind it; nullptr: none.
  Range* following(Address address) const;

  // Of holes or free ranges the smallest of at least `bytes`, and of equal ones the lowest; nullptr: none is that large.
  Range* best(RangeState state, uint64_t bytes) const;
  // The one that comes next by size; nullptr: that was the largest.
  Range* next_larger(const Range& range) const;
  Range* largest(RangeState state) const;  // nullptr: there is none

  // [address, address + bytes), which lies in `range`, gets that state; what is left of `range` keeps its own. Returns the range that now
  // holds those addresses: larger than they where it joined with a neighbour. nullptr where there is no memory for the records of what
  // is left; then nothing has changed. Never where it is the whole of `range`.
  Range* set(Range* range, Address address, uint64_t bytes, RangeState state);
  Range* set(Range* range, RangeState state) { return set(range, range->address, range->bytes, state); }

  uint64_t bytes(RangeState state) const { return bytes_[static_cast<size_t>(state)]; }
  uint64_t count(RangeState state) const { return counts_[static_cast<size_t>(state)]; }
  // Whole chunks that lie under free ranges.
  uint64_t whole_free_bytes() const { return whole_free_bytes_; }
  // A power of two. Before anything is free.
  void set_chunk_bytes(uint64_t bytes) { chunk_bytes_ = bytes; }

  // Forgets everything. Cost: linear.
  void clear();

  // The same in a forked child, where the lock may have been held: memory of the records is not used again.
  void abandon();

 private:
  Range* make(Address address, uint64_t bytes, RangeState state);
  void link(Range* range);
  void unlink(Range* range);
  void put_behind(Range* range, Range* other);
  Range* join(Range* range);
  static void absorb(Range* range, Range* next);
  BySize*& by_size(RangeState state);
  BySize* by_size(RangeState state) const { return state == RangeState::hole ? holes_ : free_; }
  uint64_t whole_bytes(const Range& range) const;
  static bool is_by_size(RangeState state) { return state == RangeState::hole || state == RangeState::free; }

  ByAddress* all_ = nullptr;
  BySize* holes_ = nullptr;
  BySize* free_ = nullptr;
  core::PrioritySource priorities_;
  uint64_t bytes_[kRangeStates] = {};
  uint64_t counts_[kRangeStates] = {};
  uint64_t chunk_bytes_ = 1;
  uint64_t whole_free_bytes_ = 0;
};

}  // namespace weir::cuda::pool
