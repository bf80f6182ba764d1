// The pool's size classes as small indices, numbered in order of first sight.
#pragma once

#include <cstddef>
#include <cstdint>

#include "track/totals.h"

namespace weir::track {

inline constexpr uint8_t kNoSizeClass = kSizeClasses;  // a block of its own page, or not the pool's
inline constexpr size_t kLargestClassBytes = size_t{128} << 10;

// The row of the figures by power of two (totals.h) that a request is counted in.
inline size_t power_of_two_index(size_t bytes) {
  const size_t index =
      bytes <= (size_t{1} << kSmallestPower) ? kSmallestPower : static_cast<size_t>(64 - __builtin_clzll(bytes - 1));
  return index < kPowersOfTwo ? index : kPowersOfTwo - 1;
}

inline constexpr uint16_t kFiguresBytes = 48;

// What counting a block needs to know of its place. Each class lies within one power of two, so that the figures by power
// follow from those by class, but for displaced blocks: those that asked for so little that it is another power of two.
struct BlockClass {
  uint8_t index = kNoSizeClass;
  uint16_t figures_offset =
      kNoSizeClass * kFiguresBytes;  // where a thread's figures of the class are among those of all
  uint32_t least_bytes = 0;  // requests of the class's power of two are least_bytes up to least_bytes + width - 1;
  uint32_t width = 0;        // width 0: any request is displaced

  bool displaces(size_t bytes) const { return bytes - least_bytes >= width; }
  // The same for less than 4 GiB, in fewer instructions.
  bool displaces_small(uint32_t bytes) const { return bytes - least_bytes >= width; }
};

// The class of a pool page's blocks. Slow path: once per page.
BlockClass block_class(size_t block_bytes);

// The index for a block size; registers it when new. Slow path: once per page.
uint8_t size_class_index(size_t block_bytes);
// 0 for an index not in use.
size_t size_class_bytes(uint8_t index);

}  // namespace weir::track
