// What becomes of a block that is still allocated.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::leak {

enum class LeakClass : uint8_t {
  live,       // not classified
  reachable,  // a pointer to it is at hand
  possible,   // only pointers into its middle, or only from such blocks; or not all that may hold one could be read
  indirect,   // only blocks that are lost themselves hold a pointer to it
  definite,   // no pointer is left
};
inline constexpr size_t kLeakClasses = 5;
inline constexpr const char* kLeakClassNames[kLeakClasses] = {"live", "reachable", "possible", "indirect", "definite"};
inline constexpr const char* name_of(LeakClass leak_class) { return kLeakClassNames[static_cast<size_t>(leak_class)]; }

}  // namespace weir::leak
