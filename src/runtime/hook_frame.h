// Where a hook was called from, read only once it is asked for: most hooks need no more than the stack pointer, and what lies in
// the frame and in rbp stays there until a rare part of the event wants it.
#pragma once

#include <cstdint>

#include "stack/verified_leaf.h"

namespace weir::runtime {

// Passed in two registers. Valid until the hook returns, also in what it calls last.
struct HookFrame {
  const uintptr_t*
      above;  // the caller's stack pointer as it will be after the return; the return address lies below it
  uintptr_t rbp;

  uintptr_t sp() const { return reinterpret_cast<uintptr_t>(above); }
  uintptr_t ip() const { return above[-1]; }
  uintptr_t lowest() const { return sp() - sizeof(uintptr_t); }  // see lowest_of_hook()
  stack::Registers caller() const { return {ip(), sp(), rbp}; }
};

// The frame of the exported function that this is inlined into. Asked for anew wherever it is needed, so that no register holds
// any of it meanwhile. Where the compiler was told to leave rbp alone it still is the caller's there, and the hook needs no frame
// pointer; else the hook's own frame has it.
[[gnu::always_inline]] inline HookFrame hook_frame() {
#if defined(WEIR_HOOKS_LEAVE_RBP) && defined(__OPTIMIZE__)
  uintptr_t rbp;
  asm volatile("mov %%rbp, %0" : "=r"(rbp));
  return {static_cast<const uintptr_t*>(__builtin_dwarf_cfa()), rbp};
#else
  const auto* frame = static_cast<const uintptr_t*>(__builtin_frame_address(0));
  return {frame + 2, *frame};
#endif
}

// The return address of that frame.
[[gnu::always_inline]] inline uintptr_t ip_of_hook() {
  return reinterpret_cast<uintptr_t>(__builtin_return_address(0));
}

// What the guard is to remember of this frame: handlers that interrupt the hook run below it, the program's next calls above.
[[gnu::always_inline]] inline uintptr_t lowest_of_hook() {
  return reinterpret_cast<uintptr_t>(__builtin_dwarf_cfa()) - sizeof(uintptr_t);
}

}  // namespace weir::runtime
