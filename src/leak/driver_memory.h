// CUDA's driver's own memory: it knows the address of all that it gave, which holds nothing of it for the program. A host block that it was
// told of, for a callback, it holds all the same.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"
#include "core/own_memory.h"
#include "core/scratch.h"

namespace weir::leak {

class DriverMemory {
 public:
  // Where the driver's code and data are, and what it mapped; nothing where no program uses one. False where working memory is out.
  bool find();

  // Whether a block of that stack was allocated by the driver for itself.
  bool allocated(core::StackId stack);

  // The part of [start, end) that begins at `start` and is all the driver's, or all not. Returns its end.
  uintptr_t part_of(uintptr_t start, uintptr_t end, bool* of_driver) const;

 private:
  bool is_code(uintptr_t address) const { return address - code_start_ < code_bytes_; }
  bool is_own_call(core::StackId stack) const;

  uintptr_t code_start_ = 0, code_bytes_ = 0;  // of the module; its data too
  core::ScratchArray<core::OwnRange> ranges_;  // by ascending address
  core::ScratchArray<uint8_t> verdicts_;       // by stack: 0 where it was not asked for
  bool out_of_memory_ = false;
};

}  // namespace weir::leak
