// Compact rules by return address, shared by all threads. Readers take no lock; a rule is published by its key, last. The
// rules of an unloaded module become tombstones, which are reused only when the table is rebuilt.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/ids.h"
#include "stack/unwind_rule.h"

namespace weir::stack {

inline constexpr int kIpBits = 47;  // user addresses of x86-64 with four-level page tables
inline constexpr uintptr_t kLowestCode = 4096;
inline constexpr uintptr_t kIpMask = (uintptr_t{1} << kIpBits) - 1;

inline bool plausible_code(uintptr_t ip) { return ip - kLowestCode < kIpMask - kLowestCode; }

// 32 bytes: key, rule, and the stack nodes lately reached through this return address, which spare most changed frames
// the look-up in the table of nodes.
struct RuleEntry {
  std::atomic<uint64_t> key;  // ip, and the module's id above bit 48; 0: free
  UnwindRule rule;
  std::atomic<uint64_t> children[2];  // parent node << 32 | node; latest first
};
static_assert(sizeof(RuleEntry) == 32);

struct FoundRule {
  UnwindRule rule;
  RuleEntry* entry = nullptr;  // nullptr: not kept (no module, exact address, or no memory)
  core::ModuleId module = core::ModuleId::none;
};

// The rule of a return address. Cost: one multiplication and a probe; where the rule is new, see unwind_rule.h.
FoundRule find_rule(uintptr_t return_address);

// The rule at an interrupted instruction; built anew each time.
FoundRule find_exact_rule(uintptr_t ip);

// Makes tombstones of a module's rules. Returns when no reader can find one any more.
void drop_rules_of(core::ModuleId module);

uint64_t rules_built();
void rule_cache_reset_after_fork();

}  // namespace weir::stack
