// WEIR_GUARD: the bounds of blocks. Each block of the pool has bytes in front and behind that belong to nobody and hold a pattern;
// where a byte of it has changed, something has written past the block.
//
// Cost of a block: kFrontBytes + kLeastBehindBytes of the pool's, and writing and reading the pattern once each.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"

namespace weir::runtime {

inline constexpr size_t kFrontBytes = 16;
inline constexpr size_t kLeastBehindBytes = 16;
inline constexpr size_t kMostBoundBytes = 256;  // on each side; what the pool rounds further up is not looked at

// Whether blocks are made with bounds. Fixed before the first event.
extern bool blocks_are_guarded;
inline bool guards_blocks() { return blocks_are_guarded; }

// Once, at start: blocks have bounds, and freed ones are kept for up to so many bytes (quarantine.h).
void guard_blocks(uint64_t quarantine_bytes);

// What the pool is to be asked for a block of `bytes` at that alignment (16 at the least); 0: more than there is.
size_t guarded_bytes(size_t bytes, size_t alignment);

// A block by the pool's start of it, the program's start, and how much the program asked for.
struct GuardedBlock {
  uintptr_t base, user;
  size_t bytes;
};

// Fills the bounds.
void draw_bounds(const GuardedBlock&);

// The first byte of the bounds that has changed, or 0.
uintptr_t find_overflow(const GuardedBlock&);

// Fills the contents of a freed block.
void fill_freed(const GuardedBlock&);

// The first byte of the contents that has changed since, or 0.
uintptr_t find_late_write(const GuardedBlock&);

}  // namespace weir::runtime
