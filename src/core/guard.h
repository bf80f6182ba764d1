// The re-entry guard: a hook enters Weir at most once per thread. Code that may run only inside takes an `Inside` token,
// which only a Guard can make.
#pragma once

#include "core/thread_slot.h"

namespace weir::core {

class Guard;

// Proof that the calling thread is inside Weir. Cannot be made, only handed down.
class Inside {
  friend class Guard;
  constexpr Inside() = default;

 public:
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

// Whether the calling thread's mark was left behind by a signal handler that interrupted a hook and left by longjmp: the program
// then calls from no deeper than that hook was, and not from a handler on an alternate stack. The rare path: one system call.
// Mark and stack pointer are one word: were they two, a handler between them would leave one of its own hooks' beside the other.
bool is_mark_abandoned(uintptr_t stack_pointer);

// Enters Weir for its scope. Where the thread is inside already (a hook called by Weir's own code or by a signal handler that
// interrupted it), entered() is false and the caller must pass the call on untracked. Cost: three loads, four stores.
class Guard {
 public:
  Guard() : entered_(!is_inside()) {
    if (entered_) [[likely]]
      enter(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  }
  // For the entry of a hook of the program's own calls, at `stack_pointer`: also sees that the mark was left behind.
  explicit Guard(uintptr_t stack_pointer) : entered_(!is_inside()) {  // guard: re-entry
    if (!entered_) [[unlikely]]
      entered_ = took_over_ = is_mark_abandoned(stack_pointer);  // guard: abandoned-mark
    if (entered_) [[likely]]
      enter(stack_pointer);
  }
  ~Guard() {
    if (entered_) [[likely]] {
      asm volatile("" ::: "memory");
      thread_slot.inside = 0;
      thread_slot.plain_state = thread_slot.plain_state_outside;
    }
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  bool entered() const { return entered_; }
  // The mark was left behind by a hook that never ended: what that hook was changing of this thread's may be half changed.
  bool took_over() const { return took_over_; }
  const Inside& token() const { return kInside; }

 private:
  friend class PlainGuard;

  static bool is_inside();

  // In this order, with the compiler held to it: a signal handler must see the mark before any change it protects, and may
  // leave at any instruction by longjmp.
  [[gnu::always_inline]] static void enter(uintptr_t stack_pointer) {
    thread_slot.inside = stack_pointer;
    asm volatile("" ::: "memory");
    thread_slot.plain_state = nullptr;
  }

  bool entered_;
  bool took_over_ = false;
  static const Inside kInside;
};

inline constexpr Inside Guard::kInside;

// The guard of the plain path, whose mark is the thread's plain state itself: the stack pointer's complement, which is
// negative, and less than that of sampling. Whoever entered must leave.
class PlainGuard {
 public:
  // The thread's plain state, or nullptr where it has none at present or is inside. Cost: one load, one store.
  [[gnu::always_inline]] static void* enter(uintptr_t stack_pointer) {
    void* state = thread_slot.plain_state;
    if (reinterpret_cast<intptr_t>(state) <= 0) [[unlikely]]
      return nullptr;
    mark(stack_pointer);
    return state;
  }
  [[gnu::always_inline]] static void leave(void* state) {
    asm volatile("" ::: "memory");
    thread_slot.plain_state = state;
  }
  static const Inside& token() { return Guard::kInside; }

  // The same for a thread that samples. Negative: enter() answers nullptr for it, at no cost to the others.
  static void* sampling_state() { return reinterpret_cast<void*>(intptr_t{-1}); }
  [[gnu::always_inline]] static bool may_sample() { return thread_slot.plain_state == sampling_state(); }
  [[gnu::always_inline]] static void enter_sampling(uintptr_t stack_pointer) { mark(stack_pointer); }
  [[gnu::always_inline]] static void leave_sampling() { leave(sampling_state()); }

  static bool is_marked() {
    return reinterpret_cast<intptr_t>(thread_slot.plain_state) < reinterpret_cast<intptr_t>(sampling_state());
  }
  static uintptr_t stack_pointer_of_mark() { return ~reinterpret_cast<uintptr_t>(thread_slot.plain_state); }

 private:
  // The complement by an instruction of its own: the compiler would make one subtraction of it and of what led to the stack pointer,
  // which takes one instruction more in each hook.
  [[gnu::always_inline]] static void mark(uintptr_t stack_pointer) {
    asm("not %0" : "+r"(stack_pointer));
    thread_slot.plain_state = reinterpret_cast<void*>(stack_pointer);
    asm volatile("" ::: "memory");
  }
};

inline bool Guard::is_inside() { return thread_slot.inside != 0 || PlainGuard::is_marked(); }

}  // namespace weir::core
