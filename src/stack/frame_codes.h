// Frames in 37 bits: the number of a region of a module's code, 1 MiB each and numbered in order of first sight, and the
// offset in it. A process runs code in some tens to hundreds of regions, so that a node of the stack table needs no room
// for a whole address and module. Readers take no lock. Inside src/stack only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack/stack_nodes.h"

namespace weir::stack {

inline constexpr int kFrameCodeBits = 37;

// No frame's code.
inline constexpr uint64_t kNoFrameCode = 0;

// The code of a frame: equal for equal keys only. kNoFrameCode where the region is new and there is no memory, or where
// there are 2^17 already. Cost: about 15 instructions; a lock where the region is new.
uint64_t code_of(FrameKey key);

// The frame of a code that code_of() gave.
FrameKey key_of(uint64_t code);

size_t frame_codes_bytes();

void frame_codes_reset_after_fork();

}  // namespace weir::stack
