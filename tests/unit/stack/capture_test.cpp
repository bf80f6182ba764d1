#include "stack/capture.h"

#include <alloca.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "capture_fixture.h"
#include "stack/module_table.h"

namespace weir::stack {
namespace {

TEST_F(Capture, AnUnchangedStackIsOnlyVerified) {
  call_repeatedly(10);
  EXPECT_EQ(since().captures, 10u);
  EXPECT_EQ(since().walked, 1u);
  EXPECT_EQ(since().same, 9u);
  EXPECT_EQ(since().compared, 10u);
}

TEST_F(Capture, ChangedFramesAreSplicedOnTheRest) {
  call_through(5);
  const std::vector<StackFrame> five = frames(captured);
  call_through(7);
  const std::vector<StackFrame> seven = frames(captured);
  EXPECT_EQ(since().spliced, 1u);
  ASSERT_EQ(seven.size(), five.size() + 2);
  EXPECT_EQ(seven[0].ip, five[0].ip);
  EXPECT_EQ(seven.back().ip, five.back().ip);
}

TEST_F(Capture, TheInnermostFrameIsTheCaller) {
  hook();
  bool truncated = true;
  const std::vector<StackFrame> stack = frames(captured, &truncated);
  EXPECT_FALSE(truncated);
  EXPECT_EQ(stack[0].ip, seen.ip);
  const ModuleInfo* module = module_info(stack[0].module);
  ASSERT_NE(module, nullptr);
  EXPECT_GE(stack[0].ip, module->start);
  EXPECT_LT(stack[0].ip, module->end);
}

TEST_F(Capture, DeepStacksKeepTheirInnermostFrames) {
  configure(8);
  call_through(30);
  bool truncated = false;
  const std::vector<StackFrame> stack = frames(captured, &truncated);
  EXPECT_TRUE(truncated);
  ASSERT_EQ(stack.size(), 8u);
  EXPECT_EQ(stack[0].ip, seen.ip);
  const core::StackId deep = captured;
  call_through(31);  // the same innermost eight
  EXPECT_EQ(captured, deep);
  call_through(2);
  EXPECT_NE(captured, deep);
  EXPECT_EQ(since().truncated, 3u);
}

TEST_F(Capture, GrowsToAnyDepth) {
  configure(5000);
  call_through(3000);
  bool truncated = true;
  EXPECT_GT(frames(captured, &truncated).size(), 3000u);
  EXPECT_FALSE(truncated);
  EXPECT_EQ(since().full_unwinds, 0u);
}

// ---- other callers, same old words ----
//
// Each test calls through two outer functions of different frames from one place, such that the inner frames come out
// at the same stack pointer, and what was remembered of the first call still lies on the stack: only the one word or
// register under test tells that the stack is another.

using Outer = void (*)(size_t);

template <void (*kInner)(size_t), size_t kFrameBytes>
[[gnu::noinline]] void fixed_outer(size_t argument) {
  char frame[kFrameBytes];
  asm volatile("" ::"r"(frame) : "memory");
  kInner(argument);
  asm volatile("" ::"r"(frame) : "memory");
}

template <void (*kInner)(size_t)>
[[gnu::noinline]] void alloca_outer(size_t bytes) {
  char* frame = static_cast<char*>(alloca(bytes));
  asm volatile("" ::"r"(frame) : "memory");
  kInner(bytes);
  asm volatile("" ::"r"(frame) : "memory");
}

[[gnu::noinline]] void call_both(const Outer (&outers)[2], const size_t (&arguments)[2]) {
  captures_made = 0;
  size_t i = 0;
  do {
    outers[i](arguments[i]);
    asm volatile("" : "+r"(i));
  } while (++i < 2);
}

// Both captures came from the same inner frame, and were told apart.
void expect_told_apart() {
  ASSERT_EQ(captures_made, 2u);
  ASSERT_EQ(history[0].seen.ip, history[1].seen.ip);
  ASSERT_EQ(history[0].seen.sp, history[1].seen.sp);
  EXPECT_NE(history[0].stack, history[1].stack);
  EXPECT_EQ(frames(history[0].stack).size(), frames(history[1].stack).size());
}

[[gnu::noinline]] void hooks(size_t) {
  hook();
  asm volatile("");
}

[[gnu::noinline]] void saves_rbp(size_t) {
  asm volatile("mov $0x1234, %%rbp" ::: "rbp");
  hook();
  asm volatile("" ::: "rbp");
}

[[gnu::noinline]] void keeps_rbp(size_t argument) {
  saves_rbp(argument);
  asm volatile("");
}

TEST_F(Capture, TheCallersOwnRbpIsVerified) {
  const Outer outers[] = {fixed_outer<alloca_outer<hooks>, 64>, fixed_outer<alloca_outer<hooks>, 80>};
  call_both(outers, {64, 48});
  expect_told_apart();
  EXPECT_NE(history[0].seen.rbp, history[1].seen.rbp);
}

TEST_F(Capture, ASavedRbpIsVerified) {
  const Outer outers[] = {fixed_outer<alloca_outer<saves_rbp>, 64>, fixed_outer<alloca_outer<saves_rbp>, 80>};
  call_both(outers, {64, 48});
  expect_told_apart();
  EXPECT_EQ(history[0].seen.rbp, 0x1234u);
}

// The first outer frame does not need rbp, the second does: its value was not verified on the way there.
TEST_F(Capture, RbpIsLoadedAgainAfterAPartialMatch) {
  for (size_t bytes = 16; bytes <= 128; bytes += 16) {
    const Outer outers[] = {fixed_outer<keeps_rbp, 72>, alloca_outer<keeps_rbp>};
    call_both(outers, {0, bytes});
    if (history[0].seen.sp == history[1].seen.sp) break;
  }
  expect_told_apart();
}

struct alignas(64) Aligned {
  char bytes[64];
};

[[gnu::noinline]] void realigned(size_t) {
  Aligned aligned;
  asm volatile("" ::"r"(&aligned) : "memory");
  char* frame = static_cast<char*>(alloca(32));
  asm volatile("" ::"r"(frame) : "memory");
  hook();
  asm volatile("" ::"r"(&aligned), "r"(frame) : "memory");
}

[[gnu::noinline]] void call_both_from(size_t padding, const Outer (&outers)[2]) {
  char* pad = static_cast<char*>(alloca(padding));
  asm volatile("" ::"r"(pad) : "memory");
  call_both(outers, {0, 0});
  asm volatile("" ::"r"(pad) : "memory");
}

TEST_F(Capture, TheWordThatUndoesARealignmentIsVerified) {
  const Outer outers[] = {fixed_outer<realigned, 64>, fixed_outer<realigned, 80>};
  for (size_t padding = 16; padding <= 64; padding += 16) {
    call_both_from(padding, outers);
    if (history[0].seen.sp == history[1].seen.sp) break;
  }
  expect_told_apart();
  EXPECT_EQ(since().full_unwinds, 0u);
}

// ---- signals and other stacks ----

void on_signal(int) { call_through(2); }

[[gnu::noinline]] void raise_here(int signal) {
  raise(signal);
  asm volatile("");
}

TEST_F(Capture, HandlersOnTheSameAndOnAnAlternateStack) {
  static char alternate[64 * 1024];
  stack_t stack{};
  stack.ss_sp = alternate;
  stack.ss_size = sizeof alternate;
  ASSERT_EQ(sigaltstack(&stack, nullptr), 0);
  for (const int flags : {0, SA_ONSTACK}) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    raise_here(SIGUSR1);
    bool truncated = true;
    const std::vector<StackFrame> frames_seen = frames(captured, &truncated);
    EXPECT_FALSE(truncated);
    int exact = 0;
    for (const StackFrame& frame : frames_seen) exact += frame.exact;
    EXPECT_EQ(exact, 1);
  }
  EXPECT_EQ(since().compared, 2u);
  EXPECT_EQ(since().full_unwinds, 0u);  // the usual trampoline is read without libunwind
}

TEST_F(Capture, RememberedStackSurvivesAHandler) {
  signal(SIGUSR1, on_signal);
  call_through(2);
  raise_here(SIGUSR1);
  call_through(2);
  EXPECT_GE(since().same + since().spliced, 1u);
}

void coroutine_body() {
  for (;;) {
    call_through(4);
    swapcontext(&coroutine_context, &test_context);
  }
}

TEST_F(Capture, CoroutineStacksEndAtTheirStart) {
  static char stack[128 * 1024];
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = sizeof stack;
  makecontext(&coroutine_context, coroutine_body, 0);
  for (int i = 0; i < 5; ++i) {
    swapcontext(&test_context, &coroutine_context);
    bool truncated = true;
    EXPECT_EQ(frames(captured, &truncated).size(), 7u);
    EXPECT_FALSE(truncated);
    call_through(i);
  }
}

// The memory of a remembered stack may be gone: what is read then is only what a real unwind reads.
TEST_F(Capture, AFreedCoroutineStackIsNotRead) {
  constexpr size_t kBytes = 128 * 1024;
  for (int i = 0; i < 5; ++i) {
    void* stack = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    getcontext(&coroutine_context);
    coroutine_context.uc_stack.ss_sp = stack;
    coroutine_context.uc_stack.ss_size = kBytes;
    makecontext(&coroutine_context, coroutine_body, 0);
    swapcontext(&test_context, &coroutine_context);
    munmap(stack, kBytes);
    call_through(3);
  }
  EXPECT_EQ(since().compared, 10u);
}

// ---- the life of a LastStack ----

TEST_F(Capture, CountersOutliveTheThread) {
  const CaptureCounters before = capture_counters();
  std::thread([] {
    LastStack* outer = last;
    last = create_last_stack();
    call_repeatedly(3);
    release_last_stack(last);
    last = outer;
  }).join();
  EXPECT_EQ(capture_counters().captures, before.captures + 3);
}

TEST_F(Capture, AForkedChildCountsFromZero) {
  call_repeatedly(3);
  const pid_t child = fork();
  if (child == 0) {
    capture_reset_after_fork();
    const bool zero = capture_counters().captures == 0;
    call_repeatedly(2);
    _exit(zero && capture_counters().captures == 2 && capture_counters().mismatches == 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace weir::stack
