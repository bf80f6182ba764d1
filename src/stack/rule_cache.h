// Compact rules by return address, shared by all threads. Readers take no lock; a rule is published by its key, last.
// The rules of an unloaded module become tombstones, which are reused only when the table is rebuilt.
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

struct RuleEntry {
  std::atomic<uint64_t> key;  // ip, and the module's id above bit 48: the frame's key (stack_nodes.h); 0: free
  UnwindRule rule;
};
static_assert(sizeof(RuleEntry) == 16);

struct FoundRule {
  UnwindRule rule;
  core::ModuleId module = core::ModuleId::none;
};

namespace detail {

// A table of rules and its size in one word, so that readers see both of the same table. Where there are several threads outgrown
// tables are never given back, since a reader may be in one: together they are smaller than the one in use.
struct RuleTable {
  static constexpr int kLogShift = 56;
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

  RuleEntry* entries;
  uint32_t log;

  explicit RuleTable(uint64_t packed)
      : entries(reinterpret_cast<RuleEntry*>(packed & ((uint64_t{1} << kLogShift) - 1))),
        log(static_cast<uint32_t>(packed >> kLogShift)) {}
  uint64_t mask() const { return (uint64_t{1} << log) - 1; }
  uint64_t home(uintptr_t ip) const { return (ip * kGolden) >> (64 - log); }

  // The entry of a return address, or nullptr. Of address 0 it may give a free one, whose rule is no_info.
  [[gnu::always_inline]] RuleEntry* find(uintptr_t ip) const {
    for (uint64_t i = home(ip);; i = (i + 1) & mask()) {
      const uint64_t key = entries[i].key.load(std::memory_order_acquire);
      if (((key ^ ip) << 16) == 0) [[likely]]
        return &entries[i];
      if (key == 0) return nullptr;
    }
  }
};

extern std::atomic<uint64_t> current_rule_table;  // 0: none yet

}  // namespace detail

// The kept rule of a return address, or nullptr.
inline RuleEntry* find_kept_rule(uintptr_t ip) {
  const uint64_t packed = detail::current_rule_table.load(std::memory_order_acquire);
  if (packed == 0) [[unlikely]]
    return nullptr;
  return detail::RuleTable(packed).find(ip);
}

// The rule of a return address. Cost: one multiplication and a probe; where the rule is new, see unwind_rule.h.
FoundRule find_rule(uintptr_t return_address);

// The rule at an interrupted instruction; built anew each time.
FoundRule find_exact_rule(uintptr_t ip);

// Makes tombstones of a module's rules. Returns when no reader can find one any more.
void drop_rules_of(core::ModuleId module);

uint64_t rules_built();
void rule_cache_reset_after_fork();

}  // namespace weir::stack
