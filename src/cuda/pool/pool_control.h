// The pools of CUDA's memory while the program runs: their figures, and what can be asked of them.
//
// Any thread, unless said otherwise. Nothing here is called on the path of a program's allocation.
#pragma once

#include "cuda/pool/pool_settings.h"

namespace weir::cuda::pool {

enum class Memory : uint8_t { device, pinned };

// Bytes are those taken from the driver, unless said otherwise.
struct Figures {
  bool is_used;                                   // anything was asked of it
  uint64_t live_bytes, live_count;                // in the program's hands
  uint64_t live_asked_bytes;                      // what the program asked for of them
  uint64_t cached_bytes, cached_count;            // idle, may be handed out at once
  uint64_t largest_cached_bytes;                  // the largest block, or coalesced range, of them
  uint64_t quarantined_bytes, quarantined_count;  // idle, but work that was queued before the free may still use them
  uint64_t peak_live_bytes, peak_reserved_bytes;
  uint64_t hit_count, hit_bytes;    // allocations served without the driver
  uint64_t miss_count, miss_bytes;  // allocations that took memory from the driver
  uint64_t passed_count;  // allocations that the driver served because the pool could not: capture, limit, error, ...
  uint64_t kept_count, returned_count;  // frees: kept for reuse; handed to the driver
  uint64_t synchronise_count;           // of the pool's own: waits at a free
  uint64_t record_count, query_count;   // of the pool's own: events
  uint64_t flush_count, flushed_bytes;  // everything idle given back, for want of memory
  uint64_t trim_count, trimmed_bytes;   // idle memory given back: limits, age, pressure, by hand
  uint64_t retry_count,
      retry_saved_count;  // calls that were out of memory and were made again; those that then succeeded
  uint64_t prewarmed_count, prewarmed_bytes;
  uint64_t compaction_count, compacted_bytes;
  uint64_t driver_cycles;  // spent in the driver by the pool's own calls and by misses

  uint64_t reserved_bytes() const { return live_bytes + cached_bytes + quarantined_bytes; }
  // Calls of the driver's that the program made and the pool did not need, less the pool's own.
  uint64_t saved_calls() const {
    const uint64_t saved = hit_count + kept_count;
    const uint64_t own = synchronise_count + record_count + query_count;
    return saved > own ? saved - own : 0;
  }
  // Of nothing: 0.
  double hit_ratio() const {
    const uint64_t all = hit_count + miss_count;
    return all == 0 ? 0 : static_cast<double>(hit_count) / static_cast<double>(all);
  }
  double utilization_ratio() const {
    return reserved_bytes() == 0 ? 0 : static_cast<double>(live_bytes) / static_cast<double>(reserved_bytes());
  }
  // The part of the idle bytes that does not lie in the largest piece.
  double fragmentation_ratio() const {
    if (cached_bytes == 0) return 0;
    return 1 - static_cast<double>(largest_cached_bytes) / static_cast<double>(cached_bytes);
  }
};

// device: 0 and up; kNoDevice (-1) for all devices together.
Figures figures(Memory memory, int device);

// What the pool has of a device in the program's hands, and idle (cached and in quarantine), without that walk. Bytes.
struct Held {
  uint64_t live_bytes, idle_bytes;
};
Held held(Memory memory, int device);

// Figures::is_used of one device, without the walk over what is idle.
bool is_used(Memory memory, int device);

// What the pool has learned of sizes: the most frequent ones first. Returns how many were written.
struct SizeFigures {
  uint64_t bytes;  // of a block; blocks of several contexts, or with several flags, are told apart
  uint64_t hit_count, miss_count;
  uint64_t cached_count;
};
size_t frequent_sizes(Memory memory, int device, SizeFigures* result, size_t capacity);

Mode mode();

// From the next call on; blocks that are live stay valid in every mode, and what is idle is given back by the next trim where it is turned
// off. False where that mode cannot be had (vmm after IPC was seen).
bool set_mode(Mode mode);

// Gives idle memory back until at most `keep_bytes` of each pool are left; returns how many bytes the driver got. May wait for the device.
// Only from a thread that could call the driver itself.
uint64_t trim(uint64_t keep_bytes);

// Gives back what is idle between live blocks: segments' physical chunks (vmm); for whole blocks the same as trim(0). Returns bytes.
uint64_t compact();

// Why the pool is not what was asked for, or nullptr: "compute-sanitizer is present", "the driver has no cuCtxRecordEvent", ...
const char* limitation();
// From now on the driver serves every call, for that reason; nullptr: no longer.
void limit(const char* why);
bool is_turned_off();

}  // namespace weir::cuda::pool
