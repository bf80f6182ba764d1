// Device memory of one context from segments: large ranges of reserved addresses under which physical memory comes, goes and moves in
// chunks (WEIR_CUDA_POOL=vmm).
//
// An allocation takes a part of a free range; released, that part joins with its free neighbours. What no free range can serve gets a
// fresh range of addresses, under which chunks are mapped that lie wholly under free ranges elsewhere, the smallest such ranges first, and
// only what is missing is asked of the driver. So free memory in pieces serves a request of their sum, whatever lies between them, and
// chunks are never more than the live blocks needed at their most: real compaction, and no pointer moves. Requests up to
// kMostSmallBytes have segments of their own, so that no small block holds a place among large ones; they share chunks.
//
// Any thread. No lock is held while a function of the driver runs: ranges that memory is being mapped at or taken from are `moving`, and
// nobody else touches them. The driver is called only to map, unmap and give back, never for an allocation that a free range serves, and
// never by release() and find(). See VmmChunks for what the caller must see to.
#pragma once

#include "core/spin_lock.h"
#include "cuda/pool/vmm_chunks.h"
#include "cuda/pool/vmm_ranges.h"

namespace weir::cuda::pool {

inline constexpr uint64_t kSmallGranuleBytes = 512;
inline constexpr uint64_t kMostSmallBytes = uint64_t{1} << 20;

struct SegmentFigures {
  uint64_t mapped_bytes;  // taken from the driver: free, live and moving
  uint64_t live_bytes, live_count;
  uint64_t live_asked_bytes;
  uint64_t free_bytes, free_count;
  uint64_t whole_free_bytes;  // of these, what trim(0) gives back: whole chunks
  uint64_t largest_free_bytes;
  uint64_t moving_bytes;      // with or without memory
  uint64_t hit_count;         // allocations without a call of the driver's
  uint64_t miss_count;        // allocations that needed memory mapped
  uint64_t remap_count;       // of these, those that took chunks from under free ranges
  uint64_t compaction_count;  // trims that gave something back
  ChunkFigures chunks;
};

struct SegmentBlock {
  Address address;
  uint64_t bytes;  // as asked for
  uint64_t taken_bytes;
};

class VmmSegments {
 public:
  constexpr VmmSegments() = default;
  VmmSegments(const VmmSegments&) = delete;
  VmmSegments& operator=(const VmmSegments&) = delete;

  // For a context of that device, which has `device_bytes` of memory: takes no memory and reserves no addresses yet. chunk_bytes as for
  // VmmChunks::open(): chunks of one granule lose nothing to fragmentation; larger ones cost fewer calls of the driver's, and a chunk that
  // is partly live cannot move. Result::not_supported where the driver has no such memory: the limitation is the driver's. One thread,
  // before anything else; again after close().
  Result open(Device device, uint64_t device_bytes, uint64_t chunk_bytes = 0);

  // Sizes are rounded up to 512 bytes, above kMostSmallBytes to the driver's granule. Result::invalid_value for 0 bytes,
  // Result::out_of_memory where size arithmetic would overflow or Weir has no memory for its records, Result::not_supported where the
  // segments are not open; else what the driver says, CUDA_ERROR_OUT_OF_MEMORY among it: all free chunks have been counted in then.
  // *is_hit: no call was made. Cost: a hit is logarithmic in the number of ranges; a miss is two or three calls of the driver's for each chunk and one more, of
  // which unmapping and cuMemSetAccess() may wait for the device (cuda.h).
  Result allocate(uint64_t bytes, Address* address, bool* is_hit = nullptr);

  // The block may be handed out again at once: work on it is done. False, and nothing done, where no live block begins there.
  bool release(Address address);

  // The live block that an address lies in; false: none.
  bool find(Address address, SegmentBlock* block);

  // Whether the address is one of those that are reserved, live or not.
  bool holds(Address address);

  // Gives whole chunks under free ranges back to the driver until at most `keep_bytes` are free, from the smallest free ranges first.
  // Their addresses stay reserved. What small blocks leave free of a shared chunk stays. Returns bytes given back.
  uint64_t trim(uint64_t keep_bytes);
  uint64_t compact() { return trim(0); }

  // Another device's contexts may use this memory (cuCtxEnablePeerAccess) or no longer may: what is mapped now, and what will be. The
  // driver's access is by device: it holds for all contexts of that device. Where the driver refuses, nothing is changed for what will be
  // mapped. Cost: one call for each contiguous piece of mapped memory.
  Result set_access(Device peer, bool may_access);

  // The context has ended: all its blocks are gone. Gives every chunk and all addresses back to the driver, since that memory, made by
  // cuMemCreate(), would outlive the context. Where another thread is just mapping, it does so when it has done. Not at the process's
  // end, where nothing need be called.
  void close();

  // In a forked child, which cannot use the driver: forgets everything.
  void abandon();

  SegmentFigures figures();

 private:
  enum Space : uint8_t { small, large };
  static constexpr size_t kSpaces = 2;

  struct Request {
    Space space;
    uint64_t bytes;  // rounded
    uint64_t asked_bytes;
  };
  // Ranges of whole chunks that this thread moves.
  struct Moving {
    Range* first = nullptr;
    uint64_t bytes = 0;
    void push(Range* range);
  };
  // How a miss is served: `prefix` (nullptr: none) has memory and stays, `fresh` behind it gets memory, first that of `sources`.
  struct Plan {
    Address address = 0;
    Range* prefix = nullptr;
    Range* fresh = nullptr;
    Moving sources;
    DeviceMask devices = 0;  // that were given access to `fresh`
    uint64_t access_changes = 0;
  };
  // Mapped memory whose access another thread is setting: it must not move.
  struct Pin {
    Address address, end;
    Pin* next;
  };

  // Where a miss is served (vmm_segments_map.cpp).
  Result allocate_by_mapping(const Request& request, Address* address);
  Result map_and_take(const Request& request, Address* address);
  Result reserve_more(Space space, uint64_t bytes);
  Result fill(Plan* plan);
  Result fill_with_new(const Plan& plan);
  Result fill_with_moved(const Plan& plan);
  Result give_access(Plan* plan);
  Result finish(Plan* plan, Result filled, const Request& request, Address* address);
  Result correct_access(Plan* plan);

  // Under the lock.
  bool round(uint64_t bytes, Request* request) const;
  bool take_free(const Request& request, Address* address);
  bool take(Range* range, Address from, const Request& request);
  Result make_plan(const Request& request, Plan* plan);
  bool choose_place(const Request& request, Plan* plan);
  void collect(uint64_t bytes, Moving* moving);
  void collect_from(VmmRanges& ranges, uint64_t bytes, Moving* moving);
  void settle(Range* range, RangeState when_filled);
  void settle(const Moving& moving);
  VmmRanges& ranges_with(const Range& range);
  bool is_pinned(Address address, Address end) const;
  bool pin_next(const VmmRanges& ranges, Address from, Pin* pin);
  void unpin(const Pin& pin);
  uint64_t free_bytes() const;
  [[nodiscard]] bool leave();  // true: the caller must tear down, without the lock

  // Without it.
  uint64_t release_chunks(Address address, uint64_t bytes);
  Result set_access_in(const VmmRanges& ranges, DeviceMask device, bool may_access);
  bool wait_for_others(uint64_t moves_before);
  void tear_down();

  uint64_t chunks_below(uint64_t address) const { return address & ~(chunks_.chunk_bytes() - 1); }
  uint64_t chunks_above(uint64_t address) const { return chunks_below(address + chunks_.chunk_bytes() - 1); }

  core::SpinLock lock_;  // guards what follows; the chunks guard themselves
  bool is_open_ = false;
  bool is_closing_ = false;
  VmmRanges ranges_[kSpaces];
  uint32_t movers_ = 0;      // threads that are mapping, unmapping or setting access
  uint64_t moves_done_ = 0;  // how often one of them has ended
  Pin* pins_ = nullptr;
  DeviceMask devices_ = 0;  // that may access
  uint64_t access_changes_ = 0;
  uint64_t device_bytes_ = 0;
  uint64_t live_asked_bytes_ = 0;
  uint64_t hit_count_ = 0, miss_count_ = 0, remap_count_ = 0, compaction_count_ = 0;
  VmmChunks chunks_;
};

}  // namespace weir::cuda::pool
