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
void walk(ThreadStack&, const Registers& caller, bool may_splice, Walked*);

// Kind and source of rbp of a rule as one number, to tell the commonest rules by one comparison.
constexpr uint16_t shape(RuleKind kind, RbpSource rbp) {
  return static_cast<uint16_t>(static_cast<uint16_t>(kind) | static_cast<uint16_t>(rbp) << 8);
}
inline uint16_t shape_of(const UnwindRule& rule) { return shape(rule.kind, rule.rbp); }
inline constexpr uint16_t kByRsp = shape(RuleKind::from_rsp, RbpSource::unchanged);
inline constexpr uint16_t kByRspRbpSaved = shape(RuleKind::from_rsp, RbpSource::at_cfa);
inline constexpr uint16_t kByRbpRbpSaved = shape(RuleKind::from_rbp, RbpSource::at_cfa);

// The CFA grows, is aligned and inside the stack: the walk ends, and reads nothing that is not there.
inline bool is_caller_of(uintptr_t sp, uintptr_t cfa, uintptr_t end) {
  const uintptr_t least = sp + sizeof(uintptr_t);
  return cfa - least <= end - least && (cfa & (sizeof(uintptr_t) - 1)) == 0;
}

inline uintptr_t rbp_offset_of(const UnwindRule& rule) { return static_cast<uintptr_t>(intptr_t{rule.rbp_offset}); }

// Where the unwind of `inner` by its rule found the rbp of the caller, whose stack pointer is `sp`; 0: unchanged.
inline uintptr_t rbp_slot_of(const WalkedFrame& inner, uintptr_t sp) {
  if (inner.rule.rbp == RbpSource::unchanged) return 0;
  return (inner.rule.rbp == RbpSource::at_cfa ? sp : inner.rbp) + rbp_offset_of(inner.rule);
}

// The word that gave the caller's stack pointer, where `inner` realigned the stack; else 0.
inline uintptr_t cfa_slot_of(const WalkedFrame& inner) {
  if (inner.rule.kind != RuleKind::from_rbp_word) return 0;
  return inner.rbp + static_cast<uintptr_t>(intptr_t{inner.rule.cfa_offset});
}

}  // namespace weir::stack
