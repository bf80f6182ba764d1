// The entry of a module's .eh_frame that covers an address.
#pragma once

#include <cstdint>

#include "stack/module_registry.h"

namespace weir::stack {

struct Cie {
  uint64_t code_alignment = 0;
  int64_t data_alignment = 0;
  uint8_t pointer_encoding = 0;
  bool has_augmentation_data = false, signal_frame = false;
  uintptr_t instructions = 0, end = 0;
};

struct Fde {
  Cie cie;
  uintptr_t begin = 0, size = 0;  // the code it covers
  uintptr_t instructions = 0, end = 0;
};

enum class Found : uint8_t {
  yes,
  none,
  beyond,  // it is there, in a form that is not known here
};

// By binary search in .eh_frame_hdr. Never reads outside the module's readable memory. No locks, no allocation.
Found find_fde(uintptr_t pc, const LoadedModule& module, Fde* fde);

}  // namespace weir::stack
