// What tests of captured stacks share: a function that captures its caller's stack as an exported function of Weir's does, and callers of it.
#pragma once

#include <gtest/gtest.h>
#include <ucontext.h>

#include <vector>

#include "core/guard.h"
#include "stack/capture.h"
#include "stack/stack_table.h"

namespace weir::stack {

inline ucontext_t coroutine_context, test_context;
inline LastStack* last;  // the stack under test; one thread at a time
inline Registers seen;
inline core::StackId captured;

// The latest captures, written without a call, so that tests of old words leave the stack below as it was.
struct Captured {
  Registers seen;
  core::StackId stack;
};
inline Captured history[16];
inline size_t captures_made;

// What an exported function does: its caller's registers, then a capture.
[[gnu::noinline]] inline void hook() {
  const Registers caller = WEIR_CALLER_REGISTERS();
  core::Guard guard;
  seen = caller;
  captured = capture(guard.token(), *last, caller);
  history[captures_made++ % 16] = {caller, captured};
  asm volatile("");
}

inline std::vector<StackFrame> frames(core::StackId stack, bool* truncated = nullptr) {
  std::vector<StackFrame> result(4096);
  result.resize(frames_of(stack, result.data(), result.size(), truncated));
  return result;
}

class Capture : public testing::Test {
 protected:
  void SetUp() override {
    configure(1024);
    last = create_last_stack();
    ASSERT_NE(last, nullptr);
    before_ = capture_counters();
  }
  void TearDown() override {
    release_last_stack(last);
    EXPECT_EQ(capture_counters().mismatches, before_.mismatches);
    configure_capture({});
  }
  static void configure(uint32_t max_depth) {
    CaptureSettings settings;
    settings.max_depth = max_depth;
    settings.compare_with_libunwind = true;
    configure_capture(settings);
  }
  CaptureCounters since() const {
    CaptureCounters now = capture_counters();
    now.captures -= before_.captures;
    now.same -= before_.same;
    now.spliced -= before_.spliced;
    now.walked -= before_.walked;
    now.full_unwinds -= before_.full_unwinds;
    now.truncated -= before_.truncated;
    now.compared -= before_.compared;
    return now;
  }

 private:
  CaptureCounters before_{};
};

[[gnu::noinline]] inline void call_repeatedly(int times) {
  do {
    hook();
    asm volatile("" : "+r"(times));
  } while (--times > 0);
}

[[gnu::noinline]] inline void call_through(int depth) {
  if (depth == 0) {
    hook();
  } else {
    call_through(depth - 1);
  }
  asm volatile("");
}

}  // namespace weir::stack
