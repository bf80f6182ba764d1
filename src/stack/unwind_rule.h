// Compact unwind rules: what one frame's .eh_frame entry says about a return address, in 8 bytes. Built once per return
// address (about 8,700 instructions), applied in about ten.
#pragma once

#include <cstdint>

#include "stack/module_registry.h"

namespace weir::stack {

// How the frame's CFA (the caller's stack pointer) is found.
enum class RuleKind : uint8_t {
  no_info,        // code without unwind information
  from_rsp,       // sp + cfa_offset
  from_rbp,       // rbp + cfa_offset
  from_rbp_word,  // the word at rbp + cfa_offset: a frame that realigned the stack (DRAP)
  end,            // the outermost frame: the return address is undefined
  entry,          // outermost too, though the tables are silent: see rule_cache.cpp
  signal_frame,   // glibc's signal trampoline: registers are in the context at the stack pointer
  wrong,          // a frame that cannot be: it does not grow, is not aligned, or keeps rbp outside itself
  generic,        // anything else: libunwind
};

// Where the caller's rbp is.
enum class RbpSource : uint8_t {
  unchanged,
  at_cfa,  // the word at CFA + rbp_offset
  at_rbp,  // the word at rbp + rbp_offset (DRAP)
};

struct UnwindRule {
  int32_t cfa_offset = 0;
  int16_t rbp_offset = 0;
  RuleKind kind = RuleKind::no_info;
  RbpSource rbp = RbpSource::unchanged;
};
static_assert(sizeof(UnwindRule) == 8);

inline bool uses_rbp(const UnwindRule& rule) {
  return rule.kind == RuleKind::from_rbp || rule.kind == RuleKind::from_rbp_word || rule.rbp == RbpSource::at_rbp;
}

// Offsets of the interrupted registers from the stack pointer at the signal trampoline (the kernel's rt_sigframe).
inline constexpr uintptr_t kSignalFrameRbp = 120, kSignalFrameRsp = 160, kSignalFrameRip = 168;
inline constexpr uintptr_t kSignalFrameBytes = 176;

// Reads the rule for `ip` from `module`'s tables. `exact`: ip is an interrupted instruction, not a return address.
// Never reads outside the module's readable memory: what is malformed gives no_info or generic. No locks, no
// allocation.
UnwindRule build_rule(uintptr_t ip, bool exact, const LoadedModule& module);

// Whether an entry of the module's tables begins at `ip`.
bool is_function_start(uintptr_t ip, const LoadedModule& module);

}  // namespace weir::stack
