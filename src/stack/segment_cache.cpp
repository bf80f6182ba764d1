#include "stack/segment_cache.h"

#include <cstring>

#include "stack/last_stack.h"
#include "stack/rule_cache.h"
#include "stack/stack_bounds.h"

namespace weir::stack {
namespace {

constexpr int kAddressesHashed = 3;

// A hash of the leaf and of the return addresses next to it, as far as they are found by rsp alone. Reads only what the
// walk would.
[[gnu::always_inline]] inline uint64_t hash_from(uintptr_t ip, uintptr_t sp) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15, kOther = 0xc2b2ae3d27d4eb4f;
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

// From the inside out, stopping at the first word that changed.
[[gnu::always_inline]] inline bool words_hold(const Segment& segment) {
  auto holds = [&segment](uint32_t i) {
    return *reinterpret_cast<const uintptr_t*>(segment.sp + segment.offsets[i]) == segment.values[i];
  };
  static_assert(Segment::kMaxChecks == 11);
  switch (segment.checks) {
    case 11:
      if (!holds(10)) return false;
      [[fallthrough]];
    case 10:
      if (!holds(9)) return false;
      [[fallthrough]];
    case 9:
      if (!holds(8)) return false;
      [[fallthrough]];
    case 8:
      if (!holds(7)) return false;
      [[fallthrough]];
    case 7:
      if (!holds(6)) return false;
      [[fallthrough]];
    case 6:
      if (!holds(5)) return false;
      [[fallthrough]];
    case 5:
      if (!holds(4)) return false;
      [[fallthrough]];
    case 4:
      if (!holds(3)) return false;
      [[fallthrough]];
    case 3:
      if (!holds(2)) return false;
      [[fallthrough]];
    case 2:
      if (!holds(1)) return false;
      [[fallthrough]];
    default:
      return holds(0);
  }
}

// The junction is still remembered, and all that lies further out holds.
[[gnu::always_inline]] inline bool meets(const Segment& segment, const ThreadStack& last) {
  if (segment.index > last.depth) return false;
  const Frame& frame = last.frames[segment.index];
  if (frame.node != segment.junction || frame.sp != segment.sp + segment.junction_offset) return false;
  if (frame.rbp_live && frame.rbp != segment.junction_rbp) return false;
  return innermost_changed(last.checks + frame.first_check - 1) == last.checks;
}

}  // namespace

core::StackId SegmentCache::recall(const ThreadStack& last, const Registers& caller) {
  hash_ = hash_from(caller.ip, caller.sp);
  const Segment& segment = entries_[hash_ >> (64 - log_)];
  if (segment.ip != caller.ip || segment.sp != caller.sp) return core::StackId::unknown;
  if (segment.rbp_live && segment.rbp != caller.rbp) return core::StackId::unknown;
  return words_hold(segment) && meets(segment, last) ? segment.stack : core::StackId::unknown;
}

void SegmentCache::keep(const ThreadStack& last, uint32_t junction, uint64_t clock) {
  const Frame& leaf = last.frames[last.depth];
  const Frame& outer = last.frames[junction];
  const uint32_t count = leaf.first_check - outer.first_check;
  const uintptr_t distance = outer.sp - leaf.sp;
  if (count - 1 >= Segment::kMaxChecks || distance > UINT32_MAX || junction > UINT16_MAX) return;
  Segment& segment = entries_[hash_ >> (64 - log_)];
  const bool evicts = segment.ip != 0;
  segment.ip = ip_of(leaf.key);
  segment.sp = leaf.sp;
  segment.rbp = leaf.rbp;
  segment.junction_rbp = outer.rbp;
  segment.junction_offset = static_cast<uint32_t>(distance);
  segment.junction = outer.node;
  segment.stack = last.leaf_stack;
  segment.index = static_cast<uint16_t>(junction);
  segment.checks = static_cast<uint8_t>(count);
  segment.rbp_live = leaf.rbp_live;
  const Check* check = last.own_checks + outer.first_check;
  for (uint32_t i = 0; i < count; ++i) {
    segment.offsets[i] = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(check[i].address) - leaf.sp);
    segment.values[i] = check[i].value;
  }
  if (evicts && growth_.evicted(uint64_t{1} << log_, clock) && log_ < kLargestLog) resize(log_ + 1);
}

void SegmentCache::clear() { memset(static_cast<void*>(entries_), 0, bytes()); }

// Begins empty: what is in use comes back sooner than it could be moved.
bool SegmentCache::resize(uint32_t log) {
  auto* entries = core::arena_array<Segment>(size_t{1} << log);
  if (entries == nullptr) return false;
  Segment* outgrown = entries_;
  const uint64_t outgrown_bytes = bytes();
  entries_ = entries;
  log_ = log;
  if (outgrown != nullptr) core::arena_release(outgrown, outgrown_bytes);  // last: see ensure_capacity
  return true;
}

}  // namespace weir::stack
