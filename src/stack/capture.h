// Exact capture of the calling stack by the verified last stack (docs/stack-capture.md): the frames that changed since
// the thread's last capture are unwound by compact rules, the words that the outer frames' unwind read are checked, and
// the remembered outer part is spliced on. Equal words, equal result: exact, not a heuristic.
#pragma once

#include <cstdint>

#include "core/guard.h"
#include "core/ids.h"
#include "stack/verified_leaf.h"

namespace weir::stack {

// Must stand in the exported function itself: it reads that function's own frame.
#define WEIR_CALLER_REGISTERS()                                                          \
  ::weir::stack::Registers {                                                             \
    reinterpret_cast<uintptr_t>(__builtin_return_address(0)),                            \
        reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + 2 * sizeof(uintptr_t), \
        *static_cast<const uintptr_t*>(__builtin_frame_address(0))                       \
  }

// A thread's remembered stack and capture counters. Owned by the thread while it lives; memory from core's arena.
LastStack* create_last_stack();       // nullptr where there is no memory: capture then answers StackId::unknown
void release_last_stack(LastStack*);  // its counters are added to the process's

// Gives back the memory of what only makes the thread's captures fast; they go on. By the thread itself, outside a capture.
void forget_recent_stacks(const core::Inside&, LastStack*);

// The id of the stack that `caller` begins. Cost when nothing changed: two loads and a compare per frame; see bench/.
// Never fails visibly: a stack that cannot be followed to its end is kept as far as it goes and marked truncated.
[[gnu::always_inline]] inline core::StackId capture(const core::Inside&, LastStack& last, const Registers& caller) {
  if (!is_unchanged(last, caller, module_generation.load(std::memory_order_acquire))) [[unlikely]]
    return capture_changed(last, caller.ip, caller.sp, caller.rbp);
  count_one(last.same);
  return last.leaf_stack;
}

namespace detail {
extern uintptr_t loader_start, loader_bytes;  // the dynamic loader's mapping; nothing until the first LastStack
void notice_free_by_loader(const void* pointer);
}  // namespace detail

inline bool in_loader(uintptr_t code) { return code - detail::loader_start < detail::loader_bytes; }

// To be called by every hook of free with its return address and the pointer freed, also where the hook passes the call
// on untracked: the loader frees a library's link map when it closes it, which is the one sure sign that code may
// change under the remembered stacks. Cost: one subtraction and a compare unless the caller is the loader.
inline void notice_free(uintptr_t return_address, const void* pointer) {
  if (in_loader(return_address)) [[unlikely]]
    detail::notice_free_by_loader(pointer);
}

// Reads WEIR_STACK_DEPTH and whether to compare every capture with libunwind (WEIR_DEBUG). Before the first capture.
struct CaptureSettings {
  uint32_t max_depth = 1024;
  bool compare_with_libunwind = false;
};
void configure_capture(const CaptureSettings&);

// All threads together. `compared` and what follows count only under compare_with_libunwind.
struct CaptureCounters {
  uint64_t captures, same, spliced, walked;  // by how the stack was found: whole stack verified, part, none
  uint64_t recalled;                         // of `spliced`: by a remembered segment, nothing was walked
  uint64_t plain;                            // of `walked`: nothing was remembered, as stacks did not repeat
  uint64_t full_unwinds;                     // went to libunwind: signal frames, rules beyond the compact form
  uint64_t truncated;
  uint64_t rules_built;
  uint64_t compared, compared_spliced, compared_recalled, compared_plain, mismatches;
  uint64_t python;           // that came to a stack with Python frames (python_frames.h)
  uint64_t python_repeated;  // of `python`: it was one of the latest
  uint64_t
      python_unmatched;  // calls of the interpreter whose native frame was not found: their Python frames are missing
};
CaptureCounters capture_counters();

void capture_reset_after_fork();

}  // namespace weir::stack
