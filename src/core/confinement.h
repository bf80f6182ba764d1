// A process that has confined itself: after it installed a seccomp filter a system call that it did not expect may kill it.
#pragma once

#include <atomic>

namespace weir::core {

inline constinit std::atomic<bool> process_confined{false};

// True where system calls that only Weir needs are to be left out. Cost: one load. Any thread.
inline bool system_calls_restricted() { return process_confined.load(std::memory_order_relaxed); }

}  // namespace weir::core
