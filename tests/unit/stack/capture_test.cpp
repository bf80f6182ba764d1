#include "stack/capture.h"

#include <alloca.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/guard.h"
#include "stack/module_table.h"
#include "stack/stack_table.h"

extern "C" void* __tls_get_addr(void*);

namespace weir::stack {
namespace {

ucontext_t coroutine_context, test_context;
LastStack* last;  // the stack under test; one thread at a time
Registers seen;
core::StackId captured;

// The latest captures, written without a call, so that tests of old words leave the stack below as it was.
struct Captured {
  Registers seen;
  core::StackId stack;
};
Captured history[16];
size_t captures_made;

// What an exported function does: its caller's registers, then a capture.
[[gnu::noinline]] void hook() {
  const Registers caller = WEIR_CALLER_REGISTERS();
  core::Guard guard;
  seen = caller;
  captured = capture(guard.token(), *last, caller);
  history[captures_made++ % 16] = {caller, captured};
  asm volatile("");
}

std::vector<StackFrame> frames(core::StackId stack, bool* truncated = nullptr) {
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

[[gnu::noinline]] void call_repeatedly(int times) {
  do {
    hook();
    asm volatile("" : "+r"(times));
  } while (--times > 0);
}

TEST_F(Capture, AnUnchangedStackIsOnlyVerified) {
  call_repeatedly(10);
  EXPECT_EQ(since().captures, 10u);
  EXPECT_EQ(since().walked, 1u);
  EXPECT_EQ(since().same, 9u);
  EXPECT_EQ(since().compared, 10u);
}

[[gnu::noinline]] void call_through(int depth) {
  if (depth == 0) {
    hook();
  } else {
    call_through(depth - 1);
  }
  asm volatile("");
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

// ---- code without unwind information ----

using Jit = void (*)(void (*)());

Jit make_code(const std::vector<uint8_t>& code) {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, code.data(), code.size());
  return reinterpret_cast<Jit>(page);
}

[[gnu::noinline]] void call_three() {
  call_through(3);
  asm volatile("");  // no tail call
}

TEST_F(Capture, FramePointersAreFollowedThroughCodeWithoutTables) {
  // push rbp; mov rbp, rsp; call rdi; pop rbp; ret
  const Jit jit = make_code({0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3});
  call_through(3);
  const size_t plain_depth = frames(captured).size();
  jit(call_three);
  bool truncated = true;
  const std::vector<StackFrame> stack = frames(captured, &truncated);
  EXPECT_FALSE(truncated);
  EXPECT_EQ(stack.size(), plain_depth + 2);  // the code itself, and call_three
  EXPECT_EQ(stack[5].ip, reinterpret_cast<uintptr_t>(jit) + 6);
  EXPECT_EQ(stack[5].module, core::ModuleId::none);
}

TEST_F(Capture, WithoutFramePointersTheStackIsTruncatedThere) {
  // push rbp; mov rbp, 1; call rdi; pop rbp; ret
  const Jit jit = make_code({0x55, 0x48, 0xc7, 0xc5, 1, 0, 0, 0, 0xff, 0xd7, 0x5d, 0xc3});
  jit(call_three);
  bool truncated = false;
  const std::vector<StackFrame> stack = frames(captured, &truncated);
  EXPECT_TRUE(truncated);
  EXPECT_EQ(stack.back().ip, reinterpret_cast<uintptr_t>(jit) + 10);
}

TEST_F(Capture, AWildFramePointerIsNotFollowed) {
  // push rbp; mov rbp, rsp + 8 (a record of words that are no frame); call rdi; pop rbp; ret
  for (const uint8_t offset : {0x08, 0x10, 0x40, 0x78}) {
    const Jit jit = make_code({0x55, 0x48, 0x8d, 0x6c, 0x24, offset, 0xff, 0xd7, 0x5d, 0xc3});
    jit(call_three);
    EXPECT_GE(frames(captured).size(), 6u);
  }
}

// ---- unusual and wrong tables ----

// Functions that call their argument, with unwind tables written by hand.
asm(R"(
  .text
  .type cfa_off_rbx, @function
cfa_off_rbx:
  .cfi_startproc
  push %rbx
  .cfi_def_cfa_offset 16
  .cfi_offset %rbx, -16
  mov %rsp, %rbx
  .cfi_def_cfa_register %rbx
  sub $64, %rsp
  and $-32, %rsp
  call *%rdi
  mov %rbx, %rsp
  .cfi_def_cfa_register %rsp
  pop %rbx
  .cfi_def_cfa_offset 8
  ret
  .cfi_endproc

  .macro wrong_frame name, offset
  .type \name, @function
\name:
  .cfi_startproc
  sub $24, %rsp
  .cfi_def_cfa_offset \offset
  call *%rdi
  add $24, %rsp
  .cfi_def_cfa_offset 8
  ret
  .cfi_endproc
  .endm
  wrong_frame frame_unaligned, 37
  wrong_frame frame_of_nothing, 0
  wrong_frame frame_below, -4096
  wrong_frame frame_past_the_stack, 0x40000000
  wrong_frame frame_too_long, 64
)");
extern "C" {
void cfa_off_rbx(void (*)());
void frame_unaligned(void (*)());
void frame_of_nothing(void (*)());
void frame_below(void (*)());
void frame_past_the_stack(void (*)());
void frame_too_long(void (*)());
}

TEST_F(Capture, WhatTheCompactRulesLackGoesToLibunwind) {
  for (int i = 0; i < 3; ++i) cfa_off_rbx(call_three);
  bool truncated = true;
  const std::vector<StackFrame> stack = frames(captured, &truncated);
  EXPECT_FALSE(truncated);
  call_three();
  EXPECT_EQ(stack.size(), frames(captured).size() + 1);
  EXPECT_EQ(since().full_unwinds, 3u);
}

TEST_F(Capture, WrongTablesTruncateTheStack) {
  configure_capture({});  // libunwind would follow them
  for (auto* wrong : {frame_unaligned, frame_of_nothing, frame_below, frame_past_the_stack}) {
    wrong(call_three);
    bool truncated = false;
    const std::vector<StackFrame> stack = frames(captured, &truncated);
    EXPECT_TRUE(truncated);
    EXPECT_EQ(stack.size(), 6u);  // the frame itself is kept, what lies beyond is not known
  }
  frame_too_long(call_three);  // plausible, and so anything may follow, but nothing worse
  EXPECT_GE(frames(captured).size(), 6u);
}

TEST_F(Capture, WrongTablesOnAStackOfUnknownEnd) {
  configure_capture({});
  constexpr size_t kBytes = 64 * 1024;
  static char stack[kBytes];
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = kBytes;
  makecontext(
      &coroutine_context,
      [] {
        frame_past_the_stack(call_three);
        swapcontext(&coroutine_context, &test_context);
      },
      0);
  swapcontext(&test_context, &coroutine_context);
  bool truncated = false;
  EXPECT_EQ(frames(captured, &truncated).size(), 6u);
  EXPECT_TRUE(truncated);
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

// ---- libraries that come and go ----

using ModuleCall = void (*)(void (*)());

class Library {
 public:
  explicit Library(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW)) {
    if (handle_ == nullptr) ADD_FAILURE() << dlerror();
  }
  ModuleCall call() const { return reinterpret_cast<ModuleCall>(dlsym(handle_, "module_call")); }

  // As in a program under Weir: the loader frees the link map, and free's hook sees it.
  void close() {
    const void* link_map = handle_;
    dlclose(handle_);
    notice_free(reinterpret_cast<uintptr_t>(&__tls_get_addr) + 1, link_map);
  }

 private:
  void* handle_;
};

class Reload : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    char pattern[] = "/tmp/weir_reload.XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    unlink(path().c_str());
    rmdir(directory_.c_str());
    Capture::TearDown();
  }
  std::string path() const { return directory_ + "/module.so"; }
  void put(const char* build) const {
    unlink(path().c_str());
    ASSERT_EQ(symlink((std::string(WEIR_TEST_MODULES "/capture_module_") + build + ".so").c_str(), path().c_str()), 0);
  }
  core::ModuleId module_of_inner_frame() const { return frames(captured).at(0).module; }

 private:
  std::string directory_;
};

// Calls from `padding` further down, so that two builds with different frames come out at one stack pointer.
[[gnu::noinline]] void call_padded(ModuleCall call, size_t padding) {
  char* pad = static_cast<char*>(alloca(padding));
  asm volatile("" ::"r"(pad) : "memory");
  call(hook);
  asm volatile("" ::"r"(pad) : "memory");
}

struct Swap {
  ModuleCall calls[2];
  std::atomic<int> stage{0};
  Registers seen_at[2];
  core::StackId captured_at[2];
};

// Between the two calls this thread calls nothing: the first call's words are still below when the second one runs.
[[gnu::noinline]] void capture_around_swap(Swap* swap) {
  constexpr size_t kFrameDifference = 16;
  while (swap->stage.load() != 1) {
  }
  call_padded(swap->calls[0], kFrameDifference);
  swap->seen_at[0] = seen;
  swap->captured_at[0] = captured;
  swap->stage.store(2);
  while (swap->stage.load() != 3) {
  }
  call_padded(swap->calls[1], 0);
  swap->seen_at[1] = seen;
  swap->captured_at[1] = captured;
}

TEST_F(Reload, AnotherLibraryAtTheSameAddressVoidsWhatIsRemembered) {
  Swap swap;
  std::thread capturing(capture_around_swap, &swap);
  put("small");
  Library small(path());
  swap.calls[0] = small.call();
  swap.stage.store(1);
  while (swap.stage.load() != 2) std::this_thread::yield();
  small.close();
  put("large");
  Library large(path());
  swap.calls[1] = large.call();
  swap.stage.store(3);
  capturing.join();
  // What makes the case: same code address, same stack pointer, same old words; other frames.
  ASSERT_EQ(swap.calls[0], swap.calls[1]);
  ASSERT_EQ(swap.seen_at[0].ip, swap.seen_at[1].ip);
  ASSERT_EQ(swap.seen_at[0].sp, swap.seen_at[1].sp);
  const std::vector<StackFrame> first = frames(swap.captured_at[0]), second = frames(swap.captured_at[1]);
  EXPECT_EQ(first.size(), second.size());
  EXPECT_NE(first[0].module, second[0].module);
  large.close();
}

TEST_F(Reload, TheSameFileAtTheSameAddressKeepsItsId) {
  put("small");
  core::ModuleId id{};
  uint32_t stacks = 0;
  for (int i = 0; i < 20; ++i) {
    Library library(path());
    call_padded(library.call(), 0);
    if (i == 0) {
      id = module_of_inner_frame();
      stacks = stack_count();
    }
    EXPECT_EQ(module_of_inner_frame(), id);
    EXPECT_TRUE(module_info(id)->loaded);
    library.close();
    EXPECT_FALSE(module_info(id)->loaded);
  }
  EXPECT_EQ(stack_count(), stacks);
}

TEST_F(Reload, WithoutABuildIdEveryLoadIsAnotherModule) {
  put("plain");
  core::ModuleId previous = core::ModuleId::none;
  for (int i = 0; i < 3; ++i) {
    Library library(path());
    call_padded(library.call(), 0);
    EXPECT_NE(module_of_inner_frame(), previous);
    previous = module_of_inner_frame();
    library.close();
  }
}

TEST_F(Reload, OtherFreesChangeNothing) {
  call_repeatedly(2);
  const CaptureCounters before = since();
  int block = 0;
  notice_free(reinterpret_cast<uintptr_t>(&__tls_get_addr) + 1, &block);  // from the loader, but no link map
  notice_free(reinterpret_cast<uintptr_t>(&call_repeatedly), last);       // not from the loader
  call_repeatedly(2);
  EXPECT_EQ(since().walked, before.walked);
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
