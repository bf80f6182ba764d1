// The process's totals: exact counts and bytes of every event, by size class and by power of two. Kept per thread and merged
// here when read; a thread's part outlives the thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"

namespace weir::track {

struct Figures {
  uint64_t alloc_count;
  uint64_t alloc_bytes;  // as requested
  uint64_t free_count;
  uint64_t free_bytes;
  uint64_t peak_bytes;  // highest live bytes; exact for one thread, else within max(1 MiB, 1 %)
  uint64_t hit_count;   // served from a pool page that the pool already had (size classes only)

  uint64_t live_count() const { return alloc_count - free_count; }
  uint64_t live_bytes() const { return alloc_bytes - free_bytes; }
};

// Index i: requested bytes in (2^(i-1), 2^i]. All up to 16 are of the smallest, as the pool has no smaller blocks.
inline constexpr size_t kSmallestPower = 4;
inline constexpr size_t kPowersOfTwo = 48;
inline constexpr size_t kSizeClasses = 96;  // the pool's own classes; block_bytes says which, 0 where unused

struct SizeClassFigures {
  uint64_t block_bytes;
  Figures figures;
};

struct HostTotals {
  Figures all;
  uint64_t peak_tick;  // when live bytes were highest
  Figures powers_of_two[kPowersOfTwo];
  SizeClassFigures size_classes[kSizeClasses];  // by ascending block_bytes; unused entries last
  uint64_t large_count;                         // blocks beyond the size classes
  uint64_t realloc_count, realloc_in_place_count;
  uint64_t failed_count;  // calls answered NULL for want of memory
  uint64_t temporary_count;
  uint64_t foreign_free_count;  // frees of memory that Weir never saw, passed to its owner
  uint64_t double_free_count, interior_free_count;
  uint64_t untracked_count;  // blocks that lived untracked because metadata memory ran out
  uint64_t sample_count;     // allocations drawn, where the process samples: the other figures are then estimates
  uint64_t nested_count;     // calls served while the thread was inside Weir (signal handlers)
  uint64_t thread_count;     // threads that had an event

  // Of the blocks in size classes.
  uint64_t hit_count() const {
    uint64_t hits = 0;
    for (const SizeClassFigures& size_class : size_classes) hits += size_class.figures.hit_count;
    return hits;
  }
  double hit_ratio() const {  // of nothing: 0
    uint64_t allocations = 0;
    for (const SizeClassFigures& size_class : size_classes) allocations += size_class.figures.alloc_count;
    return allocations == 0 ? 0 : static_cast<double>(hit_count()) / static_cast<double>(allocations);
  }
};
HostTotals read_totals();

// What is live now, of the same kind. With several threads exact to the events that are under way. Cost: a walk over the threads.
struct LiveFigures {
  uint64_t bytes, count;
};
LiveFigures read_live_figures();

// A thread as it was at its first event.
struct ThreadInfo {
  int tid;        // kernel's id
  char name[16];  // as the kernel had it at the thread's end, or now
};
// nullptr for unknown and for ids beyond what is kept.
const ThreadInfo* thread_info(core::ThreadId thread);

}  // namespace weir::track
