// A thread's remembered stack: its frames, and every word that unwinding them read. Inside src/stack only.
#pragma once

#include <atomic>
#include <cstdint>

#include "stack/capture.h"
#include "stack/check.h"
#include "stack/child_cache.h"
#include "stack/recent_stacks.h"
#include "stack/stack_nodes.h"
#include "stack/unwind_rule.h"
#include "stack/verified_leaf.h"

namespace weir::stack {

namespace python {
struct ThreadWalks;
}

// A frame as the walk finds it.
struct WalkedFrame {
  uintptr_t sp;
  uintptr_t rbp;  // of a remembered frame right only where rbp_live
  FrameKey key;
  UnwindRule rule;
};

// A remembered frame. They are kept outermost first: frame k's checks are those from first_check up to frame k + 1's,
// and cover what finding frame k from frame k + 1 read.
struct Frame : WalkedFrame {
  NodeId node;

  uint32_t first_check() const { return checks_ & ~kRbpLive; }
  // This frame's unwind, or one further out, needs rbp as it is here.
  bool is_rbp_live() const { return (checks_ & kRbpLive) != 0; }
  // Both in one store: what is read right after it was written in parts is waited for.
  void set_checks(uint32_t first_check, bool is_rbp_live) { checks_ = first_check | (is_rbp_live ? kRbpLive : 0); }

 private:
  static constexpr uint32_t kRbpLive = uint32_t{1} << 31;
  uint32_t checks_;
};
static_assert(sizeof(Frame) == 40);

inline constexpr uint32_t kChecksPerFrame = 3;
inline constexpr uint32_t kFirstCapacity = 16;

// Added to the generation of what is remembered while every capture is compared: then the inline test never holds, and
// each capture comes by where it is compared.
inline constexpr uint32_t kComparedGeneration = uint32_t{1} << 31;

// How a capture found its stack: unchanged; among the recent ones; spliced after a walk; walked whole and remembered, or
// not remembered, as stacks do not repeat.
enum class Path : uint8_t { same, recalled, spliced, walked, plain };

// A thread's remembered stack as a whole. frames[0] stands for the root, further out than any frame: its sp is above
// all others, its node the root's. checks[0] is the sentinel.
struct ThreadStack : LastStack {
  uint32_t depth = 0;
  uint32_t capacity = 0;  // frames, the root's not counted
  Check* own_checks = nullptr;
  Frame* frames = nullptr;
  WalkedFrame* walked = nullptr;  // frames of the capture in progress, innermost first
  bool cut = false;               // remembered at max_depth: frames further out exist
  uint32_t unlike_in_row = 0;     // captures of new stacks that kept less of the remembered one than they changed
  uint32_t plain_left = 0;        // captures still to be walked without remembering
  core::StackId followed = core::StackId::unknown;  // of the latest capture that found a change
  uint64_t recalled_before = 0;                     // `recalled` at the latest of unlike_in_row

  RecentStacks recent;
  ChildCache children;
  std::atomic<python::ThreadWalks*> walks{nullptr};  // over Python frames; made when there are any

  // Written by the owner, read by capture_counters.
  std::atomic<uint64_t> recalled{0}, spliced{0}, walked_whole{0}, plain{0}, full_unwinds{0}, truncated{0};
  std::atomic<uint64_t> compared{0}, compared_recalled{0}, compared_spliced{0}, compared_plain{0}, mismatches{0};

  ThreadStack* next = nullptr;
  ThreadStack* previous = nullptr;

  void forget() { depth = 0, leaf.ip = 0; }
  uint64_t changed_captures() const {
    return recalled.load(std::memory_order_relaxed) + spliced.load(std::memory_order_relaxed) +
           walked_whole.load(std::memory_order_relaxed) + plain.load(std::memory_order_relaxed);
  }
};

// Doubles the arrays of frames until they hold `frames`; false where there is no memory. The content is kept.
bool ensure_capacity(ThreadStack&, uint32_t frames);

// The settings in effect.
extern CaptureSettings capture_settings;

// Unwinds again by libunwind and compares every address; a difference is counted and, the first times, printed.
// Overwrites `walked`.
void compare_with_libunwind(ThreadStack&, const Registers& caller, core::StackId stack, Path path);

}  // namespace weir::stack
