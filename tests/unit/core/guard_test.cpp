#include "core/guard.h"

#include <gtest/gtest.h>

#include <thread>

namespace weir::core {
namespace {

TEST(Guard, AThreadEntersOnce) {
  Guard outer;
  EXPECT_TRUE(outer.entered());
  {
    Guard inner;
    EXPECT_FALSE(inner.entered());
  }
  Guard still_inside;
  EXPECT_FALSE(still_inside.entered());
}

TEST(Guard, AHookCalledFromInsideAHookIsPassedOn) {
  const uintptr_t hook = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const uintptr_t deeper = hook - 64;
  Guard outer(hook);
  EXPECT_TRUE(outer.entered());
  Guard inner(deeper);
  EXPECT_FALSE(inner.entered());
  EXPECT_FALSE(inner.took_over());
}

TEST(Guard, LeavesWithItsScope) {
  {
    Guard guard;
    EXPECT_TRUE(guard.entered());
  }
  Guard again;
  EXPECT_TRUE(again.entered());
}

TEST(Guard, EachThreadHasItsOwn) {
  Guard guard;
  bool entered = false;
  std::thread([&entered] { entered = Guard().entered(); }).join();
  EXPECT_TRUE(entered);
}

}  // namespace
}  // namespace weir::core
