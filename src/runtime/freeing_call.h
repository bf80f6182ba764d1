// What a call that frees or moves a block says of it: the function's own name and family, and what a sized or aligned delete was told.
#pragma once

#include <cstddef>
#include <cstdint>

#include "track/heap_errors.h"
#include "track/record.h"

namespace weir::runtime {

struct FreeingCall {
  const char* name;  // static text
  track::Family family = track::Family::malloc;
  uint64_t bytes = track::kNotSaid;
  size_t alignment = 0;      // 0: the call says none
  bool tells_family = true;  // false: which function was called is not known any more
};

inline constexpr FreeingCall kFree{"free"};
inline constexpr FreeingCall kRealloc{"realloc"};
// What a signal handler freed while it had interrupted Weir, and Weir frees now.
inline constexpr FreeingCall kDeferredFree{"free", track::Family::malloc, track::kNotSaid, 0, false};

}  // namespace weir::runtime
