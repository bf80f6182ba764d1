// A thread's recent stacks, each whole, with every word that unwinding it read: a verified last stack for each place that
// allocates again and again. Programs allocate in runs that come again, so a stack is looked for first by the leaf and the
// stack captured before; then by the leaf and the return addresses next to it. A stack whose words all hold is the caller's:
// nothing is walked. Inside src/stack only.
#pragma once

#include <cstdint>

#include "core/ids.h"
#include "stack/verified_leaf.h"

namespace weir::stack {

class RecentStacks {
 public:
  // False where there is no memory.
  bool create() { return resize(kFirstLog); }
  void release();

  // The first look: the recent stack that `caller` has where it has the same as the last time after `followed`, and what
  // says so becomes the leaf of `last`; else unknown, and `last` stays. Cost: about 30 instructions, and four a word.
  [[gnu::always_inline]] core::StackId recall_in_turn(LastStack& last, const Registers& caller,
                                                      core::StackId followed) {
    turn_hash_ = (((caller.ip ^ core::index_of(followed)) * kOther) ^ caller.sp) * kGolden;
    return take(last, caller, *slot_of(turn_hash_), turn_hash_);
  }

  // The second look, after the first of the same capture. Cost: about 100 instructions.
  core::StackId recall_by_callers(LastStack& last, const Registers& caller);

  // Keeps the leaf of `last`, which both looks did not find and which is not new. `clock` counts captures. Cost: a copy of its checks.
  void keep(const LastStack& last, uint64_t clock);

  // Whether a stack that was found by none of the looks is the thread's first of its id, which rise; to be told of each.
  bool is_new(core::StackId stack) {
    if (stack <= highest_) return false;
    highest_ = stack;
    return true;
  }

  // No stack is known; the leaf of a LastStack may still be one that was.
  void clear();

  uint64_t bytes() const { return units_bytes(units_log_) + slots_bytes(units_log_); }

 private:
  // The stacks lie one behind the other in a ring of units, each as a Leaf, the sentinel and its checks; the oldest are
  // overwritten. Positions count units from the beginning of time, so that an overwritten one is told by its distance.
  struct Leaf {
    uintptr_t ip;
    uintptr_t sp;
    uintptr_t rbp;
    uintptr_t rbp_mask;
    core::StackId stack;
    uint32_t checks;
    uint64_t unused;
  };
  static constexpr uint32_t kLeafUnits = sizeof(Leaf) / sizeof(Check);
  static_assert(sizeof(Leaf) % sizeof(Check) == 0);
  // Of the ring in units, of 16 bytes, with a slot for every four: 9 KiB to 2.3 MiB. What was outgrown stays resident: few
  // steps.
  static constexpr uint32_t kFirstLog = 9, kLargestLog = 17, kLogStep = 2, kUnitsPerSlotLog = 2;
  static constexpr uint32_t kTagBits = 16;
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15, kOther = 0xc2b2ae3d27d4eb4f;

  bool is_largest() const { return units_log_ == kLargestLog; }
  static uint64_t units_bytes(uint32_t log) { return sizeof(Check) << log; }
  static uint64_t slots_bytes(uint32_t log) { return sizeof(uint64_t) << (log - kUnitsPerSlotLog); }
  static uint16_t tag_of(uint64_t hash) { return static_cast<uint16_t>(hash >> 24); }
  static uint64_t hash_of_callers(uintptr_t ip, uintptr_t sp);

  uint64_t* slot_of(uint64_t hash) const { return slots_ + (hash >> slot_shift_); }

  [[gnu::always_inline]] core::StackId take(LastStack& last, const Registers& caller, uint64_t slot, uint64_t hash) {
    const uint64_t position = slot >> kTagBits;
    if (static_cast<uint16_t>(slot) != tag_of(hash) || next_ - position > last_unit_) return core::StackId::unknown;
    const Check* unit = units_ + (position & last_unit_);
    const auto& leaf = *reinterpret_cast<const Leaf*>(unit);
    const uintptr_t difference =
        (caller.ip ^ leaf.ip) | (caller.sp ^ leaf.sp) | ((caller.rbp ^ leaf.rbp) & leaf.rbp_mask);
    if (difference != 0) return core::StackId::unknown;
    const Check* checks = unit + kLeafUnits;
    const Check* innermost = checks + leaf.checks;
    if (innermost_changed(innermost) != checks) return core::StackId::unknown;
    last.leaf_ip = caller.ip;
    last.leaf_sp = caller.sp;
    last.leaf_rbp = leaf.rbp;
    last.leaf_rbp_mask = leaf.rbp_mask;
    last.leaf_checks = innermost;
    last.checks = checks;
    last.leaf_stack = leaf.stack;
    return leaf.stack;
  }

  bool resize(uint32_t log);
  bool make_room(uint32_t units, uint64_t clock);
  bool begin_lap(uint64_t clock);

  Check* units_ = nullptr;
  uint64_t last_unit_ = 0;     // units_log_ ones
  uint64_t next_ = 0;          // position
  uint64_t* slots_ = nullptr;  // position << kTagBits | tag
  uint32_t slot_shift_ = 0;
  uint32_t units_log_ = 0;
  uint64_t turn_hash_ = 0, callers_hash_ = 0;  // of the capture in progress
  uint64_t lap_began_ = 0;
  uint32_t kept_in_lap_ = 0;
  core::StackId highest_ = core::StackId::unknown;
};

}  // namespace weir::stack
