#include "core/print.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace weir::core {
namespace {

TEST(TextBuffer, FormatsNumbersAndText) {
  char storage[128];
  TextBuffer text(storage);
  text.text("a=")
      .decimal(0)
      .text(" b=")
      .decimal(UINT64_MAX)
      .text(" c=")
      .signed_decimal(INT64_MIN)
      .text(" d=")
      .hex(0xbeef);
  EXPECT_STREQ(text.c_str(), "a=0 b=18446744073709551615 c=-9223372036854775808 d=beef");
  EXPECT_FALSE(text.truncated());
}

TEST(TextBuffer, CutsWhatDoesNotFitAndSaysSo) {
  char storage[8];
  TextBuffer text(storage);
  text.text("1234567890").text("x");
  EXPECT_STREQ(text.c_str(), "1234567");
  EXPECT_TRUE(text.truncated());
}

TEST(TextBuffer, NullPrintsNothing) {
  char storage[8];
  EXPECT_STREQ(TextBuffer(storage).text(nullptr).c_str(), "");
}

}  // namespace
}  // namespace weir::core
