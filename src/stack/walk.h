// From a hook's caller outwards, by compact rules, to the first remembered frame that still holds or to the outermost
// one. Inside src/stack only.
#pragma once

#include "stack/last_stack.h"

namespace weir::stack {

enum class Step : uint8_t { again, linked, outermost, stopped, cut, needs_libunwind };

// What a walk found: `count` frames in ThreadStack::walked, to be put on the outermost `base` remembered ones.
struct Walked {
  uint32_t count = 0;
  uint32_t base = 0;
  Step end = Step::again;
  bool reused = false;
  bool verifiable = true;  // by the words that unwinding its frames read, and no others

  bool complete() const { return end == Step::linked || end == Step::outermost; }
  bool memoisable() const { return verifiable && (complete() || end == Step::cut); }
  // A stack cut at max_depth consists of the innermost frames, which are others as soon as the depth changes.
  bool splice_fits() const { return !reused || (end != Step::cut && base + count <= capture_settings.max_depth); }
};

// `may_splice`: whether remembered frames are looked for. Cost: about 35 instructions a frame, 25 where they are not.
Walked walk(ThreadStack&, const Registers& caller, bool may_splice);

// Where the unwind of `inner` by its rule found the rbp of the caller, whose stack pointer is `sp`; 0: unchanged.
inline uintptr_t rbp_slot_of(const WalkedFrame& inner, uintptr_t sp) {
  const auto offset = static_cast<uintptr_t>(intptr_t{inner.rule.rbp_offset});
  if (inner.rule.rbp == RbpSource::unchanged) return 0;
  return (inner.rule.rbp == RbpSource::at_cfa ? sp : inner.rbp) + offset;
}

// The word that gave the caller's stack pointer, where `inner` realigned the stack; else 0.
inline uintptr_t cfa_slot_of(const WalkedFrame& inner) {
  if (inner.rule.kind != RuleKind::from_rbp_word) return 0;
  return inner.rbp + static_cast<uintptr_t>(intptr_t{inner.rule.cfa_offset});
}

}  // namespace weir::stack
