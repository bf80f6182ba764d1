#include "stack/recent_stacks.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/arena.h"
#include "stack/packed_checks.h"
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

// By how often such looks found a stack lately. Where that is too rarely, one in kOneLookIn is made, to see whether it still is so.
bool RecentStacks::is_second_look_worthwhile() {
  if (second_look_worth_ > 0) return true;
  if (--second_look_worth_ > -kOneLookIn) return false;
  second_look_worth_ = 0;
  return true;
}

core::StackId RecentStacks::recall_by_callers(LastStack& last, const Registers& caller) {
  callers_hash_ = 0;
  if (!is_second_look_worthwhile()) return core::StackId::unknown;
  const core::StackId stack = find_by_callers(last, caller);
  const bool found = stack != core::StackId::unknown;
  second_look_worth_ = found ? std::min(second_look_worth_ + kWorthFound, kMostWorth) : second_look_worth_ - 1;
  return stack;
}

core::StackId RecentStacks::find_by_callers(LastStack& last, const Registers& caller) {
  callers_hash_ = hash_of_callers(caller.ip, caller.sp);
  const uint64_t* slots = slots_of(callers_hash_);
  for (int way = 0; way < kWays; ++way) {
    const uint64_t slot = slots[way];
    const core::StackId stack = take<Reach::all>(last, caller, slot, callers_hash_);
    if (stack == core::StackId::unknown) continue;
    enter(turn_hash_, slot >> kTagBits);
    return stack;
  }
  return core::StackId::unknown;
}

// Stacks that differ further out only have the same hash.
void RecentStacks::enter(uint64_t hash, uint64_t position) {
  uint64_t* slots = slots_of(hash);
  for (int way = kWays - 1; way > 0; --way) slots[way] = slots[way - 1];
  slots[0] = position << kTagBits | tag_of(hash);
}

void RecentStacks::put(LastStack& last, const Leaf& leaf, std::span<const Check> checks, uint64_t clock) {
  last.leaf.ip = 0;  // what it stands on is overwritten, and a signal handler may leave by longjmp
  auto count = static_cast<uint32_t>(checks.size());
  if (!overwrite(count, clock)) return;
  if (!pack_near(leaf.sp, checks, next_checks())) [[unlikely]] {
    const FarPacking far(leaf.sp, checks);
    count = far.count();
    if (count == 0 || !overwrite(count, clock)) return;
    far.write(next_checks());
  }
  new (next_unit()) Kept{leaf, count};
  put_units_ = kFixedUnits + count;
  set_leaf(last, leaf, next_checks(), next_checks() + count);
}

// Makes room at next_ for a stack of so many checks.
bool RecentStacks::overwrite(uint32_t checks, uint64_t clock) {
  put_units_ = 0;
  const uint64_t units = kFixedUnits + uint64_t{checks};
  if (!make_room(units, clock)) return false;
  if (next_ + units > oldest_ + ring_units()) oldest_ = next_ + units - ring_units();
  return true;
}

void RecentStacks::keep() {
  if (put_units_ == 0) return;
  const Leaf& leaf = *next_kept();
  if (callers_hash_ == 0) callers_hash_ = hash_of_callers(leaf.ip, leaf.sp);
  enter(turn_hash_, next_);
  enter(callers_hash_, next_);
  next_ += put_units_;
  put_units_ = 0;
  ++kept_in_lap_;
}

// Behind a mark the checks go on, measured from a base further out.
bool RecentStacks::hold_further_out(const PackedCheck* mark, const PackedCheck* end, uintptr_t base) {
  while (mark != end && mark->is_mark()) {
    base += mark->payload() * sizeof(uintptr_t);
    mark = innermost_changed(mark + 1, base);
  }
  return mark == end;
}

// Whether a stack of so many units may be put at next_: not across the ring's end, and none that would push out most others.
bool RecentStacks::make_room(uint64_t units, uint64_t clock) {
  const uint64_t left = ring_units() - (next_ & last_unit_);
  if (left < units) {
    next_ += left;
    if (begin_lap(clock) && !is_largest()) grow();
  }
  while (units > last_unit_ / 4 && !is_largest() && grow()) continue;
  return units <= last_unit_ / 4;
}

// The ring is full, and stacks are pushed out. True where it is too small: since the last time one capture in 8 was kept; one in 4
// where it is large already.
bool RecentStacks::begin_lap(uint64_t clock) {
  const uint64_t captures_for_one = units_log_ < kLargeLog ? 8 : 4;
  const bool too_small = clock - lap_began_ < captures_for_one * kept_in_lap_;
  lap_began_ = clock;
  kept_in_lap_ = 0;
  return too_small;
}

void RecentStacks::clear() { memset(slots_, 0, slots_bytes(units_log_)); }

void RecentStacks::empty() {
  core::arena_clear(units_, units_bytes(units_log_));
  core::arena_clear(slots_, slots_bytes(units_log_));
  next_ = oldest_ = ring_units();  // free slots name position 0
  put_units_ = kept_in_lap_ = 0;
}

void RecentStacks::release() {
  if (units_ != nullptr) core::arena_discard(units_, units_bytes(units_log_));
  if (slots_ != nullptr) core::arena_discard(slots_, slots_bytes(units_log_));
}

bool RecentStacks::grow() { return resize(std::min(units_log_ + kLogStep, kLargestLog)); }

// Begins empty: what is in use comes back sooner than it could be moved.
bool RecentStacks::resize(uint32_t log) {
  RecentStacks resized;
  resized.units_log_ = log;
  resized.units_ = static_cast<PackedCheck*>(core::arena_allocate(units_bytes(log)));
  resized.slots_ = static_cast<uint64_t*>(core::arena_allocate(slots_bytes(log)));
  if (resized.units_ == nullptr || resized.slots_ == nullptr) {
    resized.release();
    return false;
  }
  RecentStacks outgrown = *this;
  units_ = resized.units_;
  slots_ = resized.slots_;
  units_log_ = log;
  pair_shift_ = 64 + kUnitsPerSlotLog + kWaysLog - log;
  last_unit_ = (uint64_t{1} << log) - 1;
  next_ = oldest_ = ring_units();  // free slots name position 0
  outgrown.release();              // last: see ensure_capacity
  return true;
}

}  // namespace weir::stack
