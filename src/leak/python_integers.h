// Addresses that integers of CPython's hold. A program in Python knows a block of C's by its address as a number: what ctypes and cffi gave
// it, what PyTorch keeps as a weak reference. Such a number is no word of memory: CPython keeps it in digits of 30 bits.
#pragma once

#include <cstdint>

#include "leak/python_library.h"

namespace weir::leak {

class PythonIntegers {
 public:
  // Of no library there are none.
  explicit PythonIntegers(const PythonLibrary& library);
  bool exist() const { return type_ != 0; }

  // The address that the integer holds whose two digits are at `digits`; 0 where there is none, or one that was freed. Reads the three
  // words before `digits`, which must be at `floor` or above.
  uintptr_t address_at(const uintptr_t* digits, const uintptr_t* floor) const;

  // What the digits of an address look like as a word: rising with it.
  static uintptr_t as_digits(uintptr_t address);

 private:
  uintptr_t type_;                 // PyLong_Type
  uintptr_t two_digits_positive_;  // the word between an integer's type and its digits
};

}  // namespace weir::leak
