// Addresses that integers of CPython's hold. A program in Python knows a block of C's by its address as a number: what ctypes and cffi gave
// it, what PyTorch keeps as a weak reference. Such a number is no word of memory: CPython keeps it in digits of 30 bits.
#pragma once

#include <cstdint>

#include "leak/memory_map.h"

namespace weir::leak {

class PythonIntegers {
 public:
  // Looks for the interpreter among the modules that are mapped; without one, there are no integers. Asks the loader nothing that it could
  // wait for.
  void find(const MemoryMap& map);
  bool exist() const { return type_ != 0; }

  // The address that the integer holds whose two digits are at `digits`; 0 where there is none, or one that was freed. Reads the three
  // words before `digits`, which must be at `floor` or above.
  uintptr_t address_at(const uintptr_t* digits, const uintptr_t* floor) const;

  // What the digits of an address look like as a word: rising with it.
  static uintptr_t as_digits(uintptr_t address);

  // For tests: as though the type of integers were there. version: CPython's, as Py_Version has it.
  void assume(uintptr_t type, unsigned long version);

 private:
  uintptr_t type_ = 0;                 // PyLong_Type
  uintptr_t two_digits_positive_ = 0;  // the word between an integer's type and its digits
};

}  // namespace weir::leak
