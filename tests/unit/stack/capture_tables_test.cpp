// Stacks through code without unwind tables, and with unusual or wrong ones.
#include <sys/mman.h>

#include <cstring>
#include <vector>

#include "capture_fixture.h"

namespace weir::stack {
namespace {

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

}  // namespace
}  // namespace weir::stack
