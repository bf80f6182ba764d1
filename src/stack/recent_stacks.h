// A thread's recent stacks, each whole, with every word that unwinding it read: a verified last stack for each place that
// allocates again and again. Programs allocate in runs that come again, so a stack is looked for first by the leaf and the
// stack captured before; then by the leaf and the return addresses next to it. A stack whose words all hold is the caller's:
// nothing is walked. Inside src/stack only.
#pragma once

#include <cstdint>
#include <span>

#include "core/ids.h"
#include "stack/check.h"
#include "stack/verified_leaf.h"

namespace weir::stack {

class RecentStacks {
 public:
  // False where there is no memory.
  bool create() { return resize(kFirstLog); }
  void release();

  // Whether a look also finds stacks with words more than 512 KiB above the leaf, which takes a call.
  enum class Reach : bool { near, all };

  // The first look: the recent stack that `caller` has where it has the same as the last time after `followed`, and what
  // says so becomes the leaf of `last`; else unknown, and `last` stays. Cost: about 35 instructions, and five a word.
  template <Reach kReach>
  [[gnu::always_inline]] core::StackId recall_in_turn(LastStack& last, const Registers& caller,
                                                      core::StackId followed) {
    turn_hash_ = (((caller.ip ^ core::index_of(followed)) * kOther) ^ caller.sp) * kGolden;
    return take<kReach>(last, caller, *find(turn_hash_), turn_hash_);
  }

  // The second look, after the first of the same capture. Where such looks hardly ever find a stack, as the program's stacks are
  // mostly new, only some are made. Cost: about 100 instructions, and what is verified in vain.
  core::StackId recall_by_callers(LastStack& last, const Registers& caller);

  // What a walk found: the leaf of `last` from now on, though not yet among the recent ones. Its stack may be named later.
  struct Leaf : LeafRegisters {
    core::StackId stack = core::StackId::unknown;
  };
  // `checks`: outermost first. Where they cannot be packed `last` has no leaf. `clock` counts captures. Cost: four
  // instructions a check.
  void put(LastStack& last, const Leaf& leaf, std::span<const Check> checks, uint64_t clock);

  // The stack of what was put.
  void name(LastStack& last, core::StackId stack) {
    last.leaf_stack = stack;
    if (put_units_ != 0) next_kept()->stack = stack;
  }

  // Keeps what was put and named after both looks of the same capture.
  void keep();

  // Whether a stack that was found by none of the looks is the thread's first of its id, which rise; to be told of each.
  bool is_new(core::StackId stack) {
    if (stack <= highest_) return false;
    highest_ = stack;
    return true;
  }

  // No stack is known; the leaf of a LastStack may still be one that was.
  void clear();

  // No stack is known, and the memory is the kernel's until one is kept again. No LastStack may have a leaf from here.
  void empty();

  uint64_t bytes() const { return units_bytes(units_log_) + slots_bytes(units_log_); }

 private:
  // The stacks lie one behind the other in a ring of units, each as a Kept, its checks from the innermost on and the mark: in the
  // order in which they are read. The oldest are overwritten. Positions count units from the beginning of time, so that an
  // overwritten one is told by its age.
  struct Kept : Leaf {
    uint32_t checks;  // with the marks among them
  };
  static constexpr uint32_t kKeptUnits = sizeof(Kept) / sizeof(PackedCheck);
  static_assert(sizeof(Kept) % sizeof(PackedCheck) == 0);
  static constexpr uint32_t kFixedUnits = kKeptUnits + 1;
  // Of the ring in units, of 8 bytes, with a slot for every four: 5 KiB to 1.25 MiB.
  static constexpr uint32_t kFirstLog = 9, kLargeLog = 15, kLargestLog = 17, kLogStep = 2, kUnitsPerSlotLog = 2;
  static constexpr int kWaysLog = 2, kWays = 1 << kWaysLog;
  // A stack of 40 words is longer than what the CPU fetches by itself, and in a large program not in its caches.
  static constexpr int kLinesAhead = 3, kLineUnits = 64 / sizeof(PackedCheck);
  static constexpr uint32_t kTagBits = 16;
  // A second look that finds a stack saves as much as ten that do not.
  static constexpr int kWorthFound = 10, kMostWorth = 100, kOneLookIn = 16;
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15, kOther = 0xc2b2ae3d27d4eb4f;

  bool is_largest() const { return units_log_ == kLargestLog; }
  uint64_t ring_units() const { return last_unit_ + 1; }
  static uint64_t units_bytes(uint32_t log) { return sizeof(PackedCheck) << log; }
  static uint64_t slots_bytes(uint32_t log) { return sizeof(uint64_t) << (log - kUnitsPerSlotLog); }
  static uint16_t tag_of(uint64_t hash) { return static_cast<uint16_t>(hash >> 24); }
  static uint64_t hash_of_callers(uintptr_t ip, uintptr_t sp);
  bool is_second_look_worthwhile();
  core::StackId find_by_callers(LastStack& last, const Registers& caller);

  // Two slots are next to each other for each hash, the later entry first.
  uint64_t* slots_of(uint64_t hash) const { return slots_ + kWays * (hash >> pair_shift_); }
  uint64_t* find(uint64_t hash) const {
    uint64_t* slot = slots_of(hash);
    return static_cast<uint16_t>(*slot) == tag_of(hash) ? slot : slot + 1;
  }
  void enter(uint64_t hash, uint64_t position);

  template <Reach kReach>
  [[gnu::always_inline]] core::StackId take(LastStack& last, const Registers& caller, uint64_t slot, uint64_t hash) {
    const uint64_t position = slot >> kTagBits;
    if (static_cast<uint16_t>(slot) != tag_of(hash) || position < oldest_) return core::StackId::unknown;
    const PackedCheck* unit = units_ + (position & last_unit_);
    for (int line = 1; line <= kLinesAhead; ++line) __builtin_prefetch(unit + line * kLineUnits);
    const auto& kept = *reinterpret_cast<const Kept*>(unit);
    if (kept.difference(caller) != 0) return core::StackId::unknown;
    const PackedCheck* innermost = unit + kKeptUnits;
    const PackedCheck* mark = innermost + kept.checks;
    const PackedCheck* changed = innermost_changed(innermost, caller.sp);
    if (changed != mark) [[unlikely]] {
      if (kReach == Reach::near || !hold_further_out(changed, mark, caller.sp)) return core::StackId::unknown;
    }
    set_leaf(last, kept, innermost, mark);
    if (kept.stack == core::StackId::unknown) __builtin_unreachable();  // those are forgotten, not kept
    return kept.stack;
  }

  [[gnu::always_inline]] static void set_leaf(LastStack& last, const Leaf& leaf, const PackedCheck* innermost,
                                              const PackedCheck* end) {
    last.leaf = leaf;
    last.leaf_checks = innermost;
    last.leaf_end = end;
    last.leaf_stack = leaf.stack;
  }

  PackedCheck* next_unit() const { return units_ + (next_ & last_unit_); }
  Kept* next_kept() const { return reinterpret_cast<Kept*>(next_unit()); }
  PackedCheck* next_checks() const { return next_unit() + kKeptUnits; }
  static bool hold_further_out(const PackedCheck* mark, const PackedCheck* end, uintptr_t base);
  bool grow();
  bool resize(uint32_t log);
  bool overwrite(uint32_t checks, uint64_t clock);
  bool make_room(uint64_t units, uint64_t clock);
  bool begin_lap(uint64_t clock);

  PackedCheck* units_ = nullptr;
  uint64_t last_unit_ = 0;     // units_log_ ones
  uint64_t oldest_ = 0;        // position from which on nothing is overwritten
  uint64_t* slots_ = nullptr;  // position << kTagBits | tag
  uint32_t pair_shift_ = 0;
  uint32_t units_log_ = 0;
  uint64_t turn_hash_ = 0, callers_hash_ = 0;  // of the capture in progress; 0: not computed
  int second_look_worth_ = kMostWorth;         // see is_second_look_worthwhile()
  uint64_t next_ = 0;                          // position
  uint32_t put_units_ = 0;                     // of what lies there, 0: nothing
  uint32_t kept_in_lap_ = 0;
  uint64_t lap_began_ = 0;
  core::StackId highest_ = core::StackId::unknown;
};

}  // namespace weir::stack
