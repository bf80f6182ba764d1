// A thread's remembered stack: its frames, and every word that unwinding them read. Inside src/stack only.
#pragma once

#include <atomic>
#include <cstdint>

#include "stack/capture.h"
#include "stack/rule_cache.h"
#include "stack/stack_nodes.h"

namespace weir::stack {

// One frame. Frames are kept outermost first: frame k's checks are those from first_check up to frame k + 1's, and
// cover what finding frame k from frame k + 1 read.
struct Frame {
  uintptr_t sp;
  uintptr_t rbp;       // right only where rbp_live
  uintptr_t rbp_slot;  // where the inner frame's unwind found rbp; 0: unchanged
  uintptr_t cfa_slot;  // the word that gave sp, where the inner frame realigned the stack; 0: none
  FrameKey key;
  UnwindRule rule;
  RuleEntry* entry;
  NodeId node;
  uint32_t first_check : 31;
  uint32_t rbp_live : 1;  // this frame's unwind, or one further out, needs rbp as it is here
};
static_assert(sizeof(Frame) == 64);

inline constexpr uint32_t kChecksPerFrame = 3;
inline constexpr uint32_t kFirstCapacity = 16;

// Added to the generation of what is remembered while every capture is compared: then the inline test never holds, and
// each capture comes by where it is compared.
inline constexpr uint32_t kComparedGeneration = uint32_t{1} << 31;

// A thread's remembered stack as a whole. checks[0] is the sentinel.
struct ThreadStack : LastStack {
  uint32_t depth = 0;
  uint32_t capacity = 0;  // frames in each of the two arrays
  Check* own_checks = nullptr;
  Frame* frames = nullptr;
  Frame* walked = nullptr;  // frames of the capture in progress, innermost first
  bool cut = false;         // remembered at max_depth: frames further out exist

  // Written by the owner, read by capture_counters.
  std::atomic<uint64_t> spliced{0}, plain{0}, full_unwinds{0}, truncated{0};
  std::atomic<uint64_t> compared{0}, compared_spliced{0}, mismatches{0};

  ThreadStack* next = nullptr;
  ThreadStack* previous = nullptr;

  void forget() { depth = 0, leaf_ip = 0; }
};

// Doubles both arrays of frames until they hold `frames`; false where there is no memory. The content is kept.
bool ensure_capacity(ThreadStack&, uint32_t frames);

// The settings in effect.
extern CaptureSettings capture_settings;

// How a capture found its stack.
enum class Path : uint8_t { same, spliced, walked };

// Where anything changed: walks, splices, interns and remembers.
core::StackId capture_by_walk(ThreadStack&, const Registers& caller, uint32_t generation, Path* path);

// Unwinds again by libunwind and compares every address; a difference is counted and, the first times, printed. Returns
// the id unchanged. Overwrites `walked`.
void compare_with_libunwind(ThreadStack&, const Registers& caller, core::StackId stack, Path path);

}  // namespace weir::stack
