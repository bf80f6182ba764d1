// CPython's blocks that all of Python knows by a pointer into them, and nothing by their start. Before each object that can hold others its
// collector of garbage keeps two words, and since 3.11 two more may stand before those of a class's instance: the object begins 16 or 32 bytes
// into the block. What such an instance has for its attributes is, in 3.11 and 3.12, a block of its own: bytes that tell their order, then
// the values, at which the instance points (3.12: a byte before them).
#pragma once

#include <cstddef>
#include <cstdint>

#include "leak/heap_index.h"
#include "leak/memory_map.h"
#include "leak/python_library.h"

namespace weir::leak {

class PythonObjects {
 public:
  // Of no library there are none.
  PythonObjects(const PythonLibrary& library, const HeapIndex& heap, const MemoryMap& map)
      : library_(library), heap_(heap), map_(map) {}

  // Whether a pointer `offset` bytes into the block is the one by which Python knows it. The block's first page must be readable.
  // Cost: two compares where there is no library, or the pointer leads further into the block.
  bool is_known_by(uintptr_t offset, const HeapBlock& block) {
    return offset <= kFarthest && library_.exists() &&
           (is_object(offset, block) || is_before_values(offset, block));  // guard: python-values
  }

 private:
  static constexpr uintptr_t kCollectorBytes = 16, kInstanceBytes = 16;
  static constexpr uintptr_t kHeadBytes = 16;  // of each object: the number of its references, its type
  static constexpr uintptr_t kFarthest = kCollectorBytes + kInstanceBytes;
  static constexpr size_t kMostProven = 64;  // a power of two

  bool is_object(uintptr_t offset, const HeapBlock& block);
  bool is_before_values(uintptr_t offset, const HeapBlock& block) const;
  bool has_type(uintptr_t object);
  bool is_type(uintptr_t address, int metaclasses) const;
  bool may_be_read(uintptr_t address) const;

  const PythonLibrary& library_;
  const HeapIndex& heap_;
  const MemoryMap& map_;
  uintptr_t proven_[kMostProven] = {};  // types, by their addresses
};

}  // namespace weir::leak
