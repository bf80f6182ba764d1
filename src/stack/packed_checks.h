// Packs the words that unwinding a stack read into the form in which they are verified (verified_leaf.h). Inside src/stack only.
#pragma once

#include <cstdint>
#include <span>

#include "stack/check.h"
#include "stack/verified_leaf.h"

namespace weir::stack {

// Writes `checks`, given outermost first, measured from `base`: packed[0] the innermost, and behind the outermost the mark that ends
// them. False where a word is out of reach or a value is none of a program's addresses. Cost: four instructions a check.
bool pack_near(uintptr_t base, std::span<const Check> checks, PackedCheck* packed);

// The same for words further away than a check reaches: a mark moves the base.
class FarPacking {
 public:
  FarPacking(uintptr_t base, std::span<const Check> checks);

  // How many are to be written, the last mark not counted; 0: they cannot be packed.
  uint32_t count() const { return count_; }
  void write(PackedCheck* packed) const;

 private:
  template <class Visit>
  bool for_each(const Visit& visit) const;

  uintptr_t base_;
  std::span<const Check> checks_;
  uint32_t count_ = 0;
};

}  // namespace weir::stack
