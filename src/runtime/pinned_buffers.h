// Page-locked buffers for programs that ask for them (include/weir/weir.h has the contracts): CUDA's pinned memory where the thread has a
// current context, else mappings of the program's own, tracked like any other, that mlock holds.
//
// Any thread outside Weir.
#pragma once

#include <cstddef>

#include "stack/capture.h"

namespace weir::runtime {

// nullptr with errno set: ENOMEM, EPERM (nothing may be locked), EAGAIN, or EINVAL for 0 bytes.
void* allocate_pinned(const stack::Registers& caller, size_t bytes, bool zeroed);
bool release_pinned(void* buffer);
bool lies_in_pinned(const void* pointer);

// A forked child has its parent's buffers, but not their locks.
void pinned_buffers_reset_after_fork();

}  // namespace weir::runtime
