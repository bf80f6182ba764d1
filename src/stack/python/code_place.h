// Which function and line a frame is at, taken from its code object into Weir's own memory. Inside src/stack only.
#pragma once

#include <cstdint>

#include "stack/python/code_watch.h"
#include "stack/python/interpreter.h"
#include "stack/stack_nodes.h"

namespace weir::stack::python {

inline constexpr uint32_t kTextBytes = 8192;  // that key_of_place() needs

struct CodePlace {
  FrameKey key;     // FrameKey{}: the frame has not begun, and does not count; or no memory
  bool is_watched;  // the key holds for this word until code_generation rises; else only now
};

// `word`: the frame's (frame_chain.h). `text`: kTextBytes to work in.
CodePlace place_of_frame(const Interpreter&, uintptr_t frame, uint64_t word, BlockFinder find_block, char* text);

}  // namespace weir::stack::python
