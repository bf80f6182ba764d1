#include "stack/frame_codes.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weir::stack {
namespace {

TEST(FrameCodes, AFrameComesBackWhole) {
  const auto module = static_cast<core::ModuleId>(65535);
  for (const uintptr_t ip :
       {uintptr_t{1}, uintptr_t{0x7fffffffffff}, uintptr_t{0x5555555fffff}, uintptr_t{0x555555600000}}) {
    for (const bool exact : {false, true}) {
      const FrameKey key = frame_key(ip, module, exact);
      const uint64_t code = code_of(key);
      ASSERT_NE(code, kNoFrameCode);
      EXPECT_EQ(code >> kFrameCodeBits, 0u);
      EXPECT_EQ(key_of(code), key);
      EXPECT_EQ(code_of(key), code);
    }
  }
}

TEST(FrameCodes, DifferentFramesHaveDifferentCodes) {
  const uint64_t code = code_of(frame_key(0x555555600000, static_cast<core::ModuleId>(1)));
  EXPECT_NE(code, code_of(frame_key(0x555555600000, static_cast<core::ModuleId>(2))));
  EXPECT_NE(code, code_of(frame_key(0x555555700000, static_cast<core::ModuleId>(1))));
  EXPECT_NE(code, code_of(frame_key(0x555555600000, static_cast<core::ModuleId>(1), true)));
}

// More regions than codes can name: the last ones have none, the first ones keep theirs.
void fill_regions() {
  constexpr uintptr_t kRegion = 1 << 20, kMany = 1 << 17;
  const auto module = static_cast<core::ModuleId>(1);
  bool right = true;
  for (uintptr_t i = 1; i < kMany; ++i)
    right &= key_of(code_of(frame_key(i * kRegion, module))) == frame_key(i * kRegion, module);
  right &= code_of(frame_key(kMany * kRegion, module)) == kNoFrameCode;
  for (uintptr_t i = 1; i < kMany; ++i)
    right &= key_of(code_of(frame_key(i * kRegion, module))) == frame_key(i * kRegion, module);
  exit(right ? 0 : 1);
}

TEST(FrameCodesDeathTest, TooManyRegionsHaveNoCode) { EXPECT_EXIT(fill_regions(), testing::ExitedWithCode(0), ""); }

}  // namespace
}  // namespace weir::stack
