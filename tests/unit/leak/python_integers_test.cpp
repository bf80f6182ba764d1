#include "leak/python_integers.h"

#include <gtest/gtest.h>

namespace weir::leak {
namespace {

constexpr uintptr_t kTypeOfTypes = 0x55d0'1234'0000, kType = 0x55d0'1234'5678;
constexpr uintptr_t kAddress = 0x7f12'3456'7890;
constexpr unsigned long k311 = 0x030b02f0, k312 = 0x030c0000;

// References, type, size, digits.
struct Integer {
  uintptr_t words[4];
  uintptr_t address(const PythonIntegers& integers) const { return integers.address_at(words + 3, words); }
};

Integer integer(uintptr_t references = 1, uintptr_t type = kType, uintptr_t size = 2, uintptr_t address = kAddress) {
  return {{references, type, size, PythonIntegers::as_digits(address)}};
}

TEST(PythonIntegers, HoldTheAddressThatTheyAre) {
  const PythonIntegers integers({kTypeOfTypes, kType, k311});
  EXPECT_EQ(integer().address(integers), kAddress);
  EXPECT_EQ(integer(1000).address(integers), kAddress);
  EXPECT_EQ(integer(1, kType, 2, 0x4000'0000).address(integers), 0x4000'0000U) << "the least of two digits";
  const PythonIntegers tagged({kTypeOfTypes, kType, k312});
  EXPECT_EQ(integer(1, kType, 2 << 3).address(tagged), kAddress);
  EXPECT_EQ(integer(1, kType, 2).address(tagged), 0U);
}

TEST(PythonIntegers, WhatIsNoneOrWasFreedHoldsNothing) {
  const PythonIntegers integers({kTypeOfTypes, kType, k311});
  EXPECT_EQ(integer(0).address(integers), 0U) << "the last of the free ones";
  EXPECT_EQ(integer(0x7f00'0000'0040).address(integers), 0U) << "a free one with another behind it";
  EXPECT_EQ(integer(1, kType + 8).address(integers), 0U) << "another type";
  EXPECT_EQ(integer(1, kType, 1).address(integers), 0U) << "one digit";
  EXPECT_EQ(integer(1, kType, 3).address(integers), 0U) << "a larger number";
  EXPECT_EQ(integer(1, kType, static_cast<uintptr_t>(-2)).address(integers), 0U) << "a negative one";
  Integer word = integer();
  word.words[3] = 0x7f12'c456'7890;
  EXPECT_EQ(word.address(integers), 0U) << "a digit of more than 30 bits";
}

TEST(PythonIntegers, NothingIsReadBelowTheFloor) {
  const PythonIntegers integers({kTypeOfTypes, kType, k311});
  const Integer known = integer();
  EXPECT_EQ(integers.address_at(known.words + 3, known.words + 1), 0U);
}

TEST(PythonIntegers, DigitsRiseWithTheAddress) {
  uintptr_t before = 0;
  for (uintptr_t address = 0x3fff'fff0; address < 0x7fff'ffff'ffff; address = address * 9 / 8) {
    EXPECT_GT(PythonIntegers::as_digits(address), before);
    before = PythonIntegers::as_digits(address);
  }
}

TEST(PythonIntegers, WithoutAnInterpreterThereAreNone) {
  MemoryMap map;
  ASSERT_TRUE(map.read());
  const PythonLibrary library = find_python_library(map);
  EXPECT_FALSE(library.exists());
  EXPECT_FALSE(PythonIntegers(library).exist());
}

}  // namespace
}  // namespace weir::leak
