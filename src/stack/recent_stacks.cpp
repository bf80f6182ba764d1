#include "stack/recent_stacks.h"

#include <cstring>

#include "core/arena.h"
#include "stack/rule_cache.h"
#include "stack/stack_bounds.h"

namespace weir::stack {
namespace {

constexpr int kAddressesHashed = 3;

}  // namespace

// A hash of the leaf and of the return addresses next to it, as far as they are found by rsp alone. Reads only what the
// walk would.
uint64_t RecentStacks::hash_of_callers(uintptr_t ip, uintptr_t sp) {
  uint64_t hash = sp * kOther;
  const uint64_t packed = detail::current_rule_table.load(std::memory_order_acquire);
  if (packed == 0) [[unlikely]]
    return hash;
  const detail::RuleTable table(packed);
  const uintptr_t end = frame_bound(stack_end_above(sp), sp);
  for (int i = 0; i < kAddressesHashed; ++i) {
    hash = (hash ^ ip) * kGolden;
    const RuleEntry* entry = table.find(ip);
    if (entry == nullptr || entry->rule.kind != RuleKind::from_rsp) return hash;
    sp += static_cast<uintptr_t>(intptr_t{entry->rule.cfa_offset});
    if (sp > end) [[unlikely]]
      return hash;
    ip = *reinterpret_cast<const uintptr_t*>(sp - sizeof(uintptr_t));
  }
  return (hash ^ ip) * kGolden;
}

core::StackId RecentStacks::recall_by_callers(LastStack& last, const Registers& caller) {
  callers_hash_ = hash_of_callers(caller.ip, caller.sp);
  const uint64_t slot = *slot_of(callers_hash_);
  const core::StackId stack = take(last, caller, slot, callers_hash_);
  if (stack != core::StackId::unknown) *slot_of(turn_hash_) = slot - tag_of(callers_hash_) + tag_of(turn_hash_);
  return stack;
}

void RecentStacks::keep(const LastStack& last, uint64_t clock) {
  const auto checks = static_cast<uint32_t>(last.leaf_checks - last.checks);
  const uint32_t units = kLeafUnits + 1 + checks;
  if (!make_room(units, clock)) return;
  Check* unit = units_ + (next_ & last_unit_);
  const Leaf leaf{last.leaf_ip, last.leaf_sp, last.leaf_rbp, last.leaf_rbp_mask, last.leaf_stack, checks, 0};
  memcpy(static_cast<void*>(unit), &leaf, sizeof leaf);
  memcpy(static_cast<void*>(unit + kLeafUnits), last.checks, (checks + 1) * sizeof(Check));
  for (const uint64_t hash : {turn_hash_, callers_hash_}) *slot_of(hash) = next_ << kTagBits | tag_of(hash);
  next_ += units;
  ++kept_in_lap_;
}

// Whether the next stack may be put at next_: not across the ring's end, and none that would push out most others.
bool RecentStacks::make_room(uint32_t units, uint64_t clock) {
  const uint64_t left = last_unit_ + 1 - (next_ & last_unit_);
  if (left < units) {
    next_ += left;
    if (begin_lap(clock) && !is_largest()) resize(units_log_ + kLogStep);
  }
  while (units > last_unit_ / 4 && !is_largest() && resize(units_log_ + kLogStep)) continue;
  return units <= last_unit_ / 4;
}

// The ring is full, and stacks are pushed out. True where it is too small: since the last time one capture in 8 was kept.
bool RecentStacks::begin_lap(uint64_t clock) {
  const bool too_small = clock - lap_began_ < 8 * uint64_t{kept_in_lap_};
  lap_began_ = clock;
  kept_in_lap_ = 0;
  return too_small;
}

void RecentStacks::clear() { memset(slots_, 0, slots_bytes(units_log_)); }

void RecentStacks::release() {
  if (units_ != nullptr) core::arena_release(units_, units_bytes(units_log_));
  if (slots_ != nullptr) core::arena_release(slots_, slots_bytes(units_log_));
}

// Begins empty: what is in use comes back sooner than it could be moved.
bool RecentStacks::resize(uint32_t log) {
  RecentStacks resized;
  resized.units_log_ = log;
  resized.units_ = static_cast<Check*>(core::arena_allocate(units_bytes(log)));
  resized.slots_ = static_cast<uint64_t*>(core::arena_allocate(slots_bytes(log)));
  if (resized.units_ == nullptr || resized.slots_ == nullptr) {
    resized.release();
    return false;
  }
  RecentStacks outgrown = *this;
  units_ = resized.units_;
  slots_ = resized.slots_;
  units_log_ = log;
  slot_shift_ = 64 + kUnitsPerSlotLog - log;
  last_unit_ = (uint64_t{1} << log) - 1;
  next_ = 2 * (last_unit_ + 1);  // further than the ring from position 0, which free slots name
  outgrown.release();            // last: see ensure_capacity
  return true;
}

}  // namespace weir::stack
