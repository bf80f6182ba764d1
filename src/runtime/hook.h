// What the short ways through a hook (plain_path.h, untracked_path.h) know of the hook they are part of: where it was called from,
// and what it does where its event is not an ordinary one.
#pragma once

#include <cstddef>

#include "runtime/hook_frame.h"
#include "track/record.h"

namespace weir::runtime {

// Everything of an allocation, errors included, of a free, and of a realloc that is neither of the two.
struct AllocatingHook {
  track::Family family;
  bool zeroed;
  void* (*allocate_generally)(size_t bytes, HookFrame frame);
};
using ReleasingHook = void (*)(void* block, HookFrame frame);
using SizedReleasingHook = void (*)(void* block, size_t bytes, HookFrame frame);
using ReallocatingHook = void* (*)(void* block, size_t bytes, HookFrame frame);

}  // namespace weir::runtime
