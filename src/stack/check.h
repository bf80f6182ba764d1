// A word that the unwind of a thread's remembered frames read. Inside src/stack only.
#pragma once

#include <cstdint>

namespace weir::stack {

struct Check {
  const uintptr_t* address;
  uintptr_t value;

  bool holds() const { return *address == value; }
};

// Lies before the first of an array of checks and never holds, so that verifying needs no other end.
inline constexpr uintptr_t kNeverEqual = 0;
inline constexpr Check kCheckSentinel = {&kNeverEqual, ~kNeverEqual};

}  // namespace weir::stack
