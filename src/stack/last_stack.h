// A thread's remembered stack: its frames, and every word that unwinding them read. Inside src/stack only.
#pragma once

#include <atomic>
#include <cstdint>

#include "stack/capture.h"
#include "stack/rule_cache.h"
#include "stack/stack_nodes.h"

namespace weir::stack {

// A word that the unwind read. Equal words, equal unwind.
struct Check {
  const uintptr_t* address;
  uintptr_t value;
};

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

struct LastStack {
  // What deciding "nothing changed" reads, on one cache line. leaf_ip 0: nothing is remembered.
  uintptr_t leaf_ip = 0;
  uintptr_t leaf_sp = 0;
  uintptr_t leaf_rbp = 0;
  uintptr_t leaf_rbp_mask = 0;        // all ones where rbp must be equal
  const Check* checks_end = nullptr;  // below the leaf's own
  Check* checks = nullptr;
  uint32_t generation = 0;
  core::StackId leaf_stack = core::StackId::unknown;
  std::atomic<uint64_t> same{0};

  uint32_t depth = 0;
  uint32_t capacity = 0;  // frames in each of the two arrays
  Frame* frames = nullptr;
  Frame* walked = nullptr;  // frames of the capture in progress, innermost first
  bool cut = false;         // remembered at max_depth: frames further out exist

  // Written by the owner, read by capture_counters.
  std::atomic<uint64_t> spliced{0}, plain{0}, full_unwinds{0}, truncated{0};
  std::atomic<uint64_t> compared{0}, compared_spliced{0}, mismatches{0};

  LastStack* next = nullptr;
  LastStack* previous = nullptr;

  void forget() { depth = 0, leaf_ip = 0; }
};

inline void count_one(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// The innermost word in [begin, end) that changed, or nullptr. Goes from the inside out and reads none after it: only
// words that a real unwind would read are touched, which keeps it safe where the remembered stack's memory is gone.
inline const Check* first_changed(const Check* begin, const Check* end) {
  auto changed = [](const Check& check) { return *check.address != check.value; };
  for (; end - begin >= 4; end -= 4) {
    if (changed(end[-1])) [[unlikely]]
      return end - 1;
    if (changed(end[-2])) [[unlikely]]
      return end - 2;
    if (changed(end[-3])) [[unlikely]]
      return end - 3;
    if (changed(end[-4])) [[unlikely]]
      return end - 4;
  }
  while (end != begin) {
    if (changed(*--end)) [[unlikely]]
      return end;
  }
  return nullptr;
}

// Doubles both arrays of frames until they hold `frames`; false where there is no memory. The content is kept.
bool ensure_capacity(LastStack&, uint32_t frames);

// The settings in effect.
extern CaptureSettings capture_settings;

// How a capture found its stack.
enum class Path : uint8_t { same, spliced, walked };

// The part of capture() that runs where anything changed: walks, splices, interns and remembers.
core::StackId capture_changed(LastStack&, const Registers& caller, Path* path);

// Unwinds again by libunwind and compares every address; a difference is counted and, the first times, printed. Returns
// the id unchanged. Overwrites `walked`.
void compare_with_libunwind(LastStack&, const Registers& caller, core::StackId stack, Path path);

}  // namespace weir::stack
