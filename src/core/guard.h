// The re-entry guard: a hook enters Weir at most once per thread. Code that may run only inside takes an `Inside` token,
// which only a Guard can make.
#pragma once

#include "core/thread_slot.h"

namespace weir::core {

class Guard;

// Proof that the calling thread is inside Weir. Cannot be made, only handed down.
class Inside {
  friend class Guard;
  Inside() = default;

 public:
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

// Enters Weir for its scope. Where the thread is inside already (a hook called by Weir's own code or by a signal handler that
// interrupted it), entered() is false and the caller must pass the call on untracked. Cost: two loads, two stores.
class Guard {
 public:
  Guard() : entered_(thread_slot.inside == 0) {  // guard: re-entry
    if (entered_) [[likely]] {
      thread_slot.inside = 1;
      thread_slot.inside_sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
      asm volatile("" ::: "memory");  // a signal handler must see the mark before any change it protects
    }
  }
  ~Guard() {
    if (entered_) [[likely]] {
      asm volatile("" ::: "memory");
      thread_slot.inside = 0;
    }
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  bool entered() const { return entered_; }
  const Inside& token() const { return inside_; }

 private:
  bool entered_;
  Inside inside_;
};

}  // namespace weir::core
