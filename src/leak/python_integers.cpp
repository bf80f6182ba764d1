#include "leak/python_integers.h"

namespace weir::leak {
namespace {

constexpr unsigned kDigitBits = 30;  // PYLONG_BITS_IN_DIGIT where pointers have 64 bits
constexpr uintptr_t kDigitMask = (uintptr_t{1} << kDigitBits) - 1;
constexpr unsigned kDigitWidth = 32;  // a digit is an unsigned int
// 3.12, which keeps an integer's sign and its number of digits in one word.
constexpr unsigned long kVersionOfTags = 0x030c0000;

// An object begins with the number of its references and its type; of an integer the number of digits follows (longintrepr.h).
constexpr int kReferencesBefore = 3, kTypeBefore = 2, kSizeBefore = 1;  // words before the digits

// Freed objects keep their type. In the place of the references there is then the next free one's address, or nothing (obmalloc.c).
bool is_alive(uintptr_t references) { return references != 0 && references >> kDigitWidth == 0; }

}  // namespace

PythonIntegers::PythonIntegers(const PythonLibrary& library)
    : type_(library.type_of_integers), two_digits_positive_(library.version >= kVersionOfTags ? 2 << 3 : 2) {}

uintptr_t PythonIntegers::as_digits(uintptr_t address) {
  return (address >> kDigitBits << kDigitWidth) | (address & kDigitMask);
}

uintptr_t PythonIntegers::address_at(const uintptr_t* digits, const uintptr_t* floor) const {
  const uintptr_t low = *digits & ((uintptr_t{1} << kDigitWidth) - 1), high = *digits >> kDigitWidth;
  if (high == 0 || low > kDigitMask || high > kDigitMask || digits - floor < kReferencesBefore) return 0;
  if (digits[-kTypeBefore] != type_ || digits[-kSizeBefore] != two_digits_positive_) return 0;
  if (!is_alive(digits[-kReferencesBefore])) return 0;  // guard: freed-integer
  return high << kDigitBits | low;
}

}  // namespace weir::leak
