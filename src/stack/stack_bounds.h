// How far a stack can reach. Inside src/stack only.
#pragma once

#include <cstdint>

extern "C" void* __libc_stack_end;  // glibc: the main thread's stack pointer at the program's entry

namespace weir::stack {

inline constexpr uintptr_t kLargestStack = uintptr_t{1} << 30;
// Where the stack's end is not known: coroutines, signal stacks.
inline constexpr uintptr_t kLargestFrame = uintptr_t{1} << 20;

// The end of the stack that `sp` is on, or 0 where it is not the thread's own. The main thread's ends at the words the
// kernel put there, another's at its control block; either is never below a real frame of that stack.
[[gnu::always_inline]] inline uintptr_t stack_end_above(uintptr_t sp) {
  const auto control_block = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
  const auto entry = reinterpret_cast<uintptr_t>(__libc_stack_end);
  const uintptr_t to_control_block = control_block - sp, to_entry = entry - sp;  // huge where below
  const uintptr_t distance = to_control_block < to_entry ? to_control_block : to_entry;
  return distance < kLargestStack ? sp + distance : 0;
}

// What a frame at `sp` must end below.
[[gnu::always_inline]] inline uintptr_t frame_bound(uintptr_t stack_end, uintptr_t sp) {
  return stack_end != 0 ? stack_end : sp + kLargestFrame;
}

}  // namespace weir::stack
