// The pool's size classes as small indices, numbered in order of first sight.
#pragma once

#include <cstddef>
#include <cstdint>

#include "track/totals.h"

namespace weir::track {

inline constexpr uint8_t kNoSizeClass = 0xff;  // a block of its own page, beyond the classes
inline constexpr size_t kLargestClassBytes = size_t{128} << 10;

// The index for a block size; registers it when new. Slow path: once per page.
uint8_t size_class_index(size_t block_bytes);
// 0 for an index not in use.
size_t size_class_bytes(uint8_t index);

}  // namespace weir::track
