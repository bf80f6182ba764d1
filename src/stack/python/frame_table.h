// The Python frames that were met: function, file and line, each triple once and for the process's life. Inside src/stack only;
// stack/python_frames.h is what others read.
#pragma once

#include <cstdint>
#include <string_view>

#include "stack/stack_nodes.h"

namespace weir::stack::python {

inline constexpr size_t kMostFunctionBytes = 1000, kMostFileBytes = 4000;  // longer names are cut

// The frame's key in the tree of stacks. FrameKey{} where there is no memory. Takes a lock for a short while.
FrameKey key_of_frame(std::string_view function, std::string_view file, uint32_t line);

void frame_table_reset_after_fork();

}  // namespace weir::stack::python
