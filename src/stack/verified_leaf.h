// The part of a capture that runs where nothing changed since the thread's last one, inline: the leaf of the remembered
// stack and the words to verify. For capture.h; docs/stack-capture.md says why equal words mean an equal stack.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/ids.h"

namespace weir::stack {

// The registers of a hook's caller as they will be when the hook returns.
struct Registers {
  uintptr_t ip;  // return address: the innermost frame of the stack
  uintptr_t sp;
  uintptr_t rbp;
};

// A word that the unwind from the leaf read, as it is verified: its value beside its distance above the leaf's stack pointer,
// in one word, so that verifying reads half of what an address and a value would take. Equal words, equal unwind.
class PackedCheck {
 public:
  // The word at `base` + 8 * `distance`; value from 0 to kMostValue.
  static constexpr PackedCheck of(uint64_t distance, uintptr_t value) {
    return PackedCheck(value << kDistanceBits | distance);
  }
  // Never holds where the word at that distance was verified to be a value: what kind of mark it is, is in `payload`.
  static constexpr PackedCheck mark(uint64_t distance, uint64_t payload) {
    return PackedCheck(kMark | payload << kDistanceBits | distance);
  }

  static constexpr int kDistanceBits = 16;
  static constexpr uint64_t kMostDistance = (uint64_t{1} << kDistanceBits) - 1;  // words: 512 KiB
  static constexpr uintptr_t kMostValue = (uintptr_t{1} << 47) - 1;              // of an address in a program

  bool holds(uintptr_t base) const {
    return *reinterpret_cast<const uintptr_t*>(base + distance() * sizeof(uintptr_t)) == packed_ >> kDistanceBits;
  }
  uint64_t distance() const { return packed_ & kMostDistance; }
  bool is_mark() const { return (packed_ & kMark) != 0; }
  uint64_t payload() const { return (packed_ & ~kMark) >> kDistanceBits; }

 private:
  static constexpr uint64_t kMark = uint64_t{1} << 63;
  explicit constexpr PackedCheck(uint64_t packed) : packed_(packed) {}
  uint64_t packed_;
};
static_assert(sizeof(PackedCheck) == 8);

// The innermost of the checks from `check` on whose word changed, or the mark that ends them. Goes from the inside out and
// reads none after it: only words that a real unwind would read are touched, which keeps it safe where the remembered
// stack's memory is gone. Cost: five instructions and two loads a word.
[[gnu::always_inline]] inline const PackedCheck* innermost_changed(const PackedCheck* check, uintptr_t base) {
  for (;; check += 8) {
    if (!check[0].holds(base)) return check;
    if (!check[1].holds(base)) return check + 1;
    if (!check[2].holds(base)) return check + 2;
    if (!check[3].holds(base)) return check + 3;
    if (!check[4].holds(base)) return check + 4;
    if (!check[5].holds(base)) return check + 5;
    if (!check[6].holds(base)) return check + 6;
    if (!check[7].holds(base)) return check + 7;
  }
}

// Grows by one whenever a module was unloaded. What was remembered under another generation is void.
extern std::atomic<uint32_t> module_generation;

// Registers that a stack begins with, as they must be again.
struct LeafRegisters {
  uintptr_t ip = 0;  // 0: of no stack
  uintptr_t sp = 0;
  uintptr_t rbp = 0;
  uintptr_t rbp_mask = 0;  // all ones where rbp must be equal

  // 0 where they are the caller's.
  uintptr_t difference(const Registers& caller) const {
    return (caller.ip ^ ip) | (caller.sp ^ sp) | ((caller.rbp ^ rbp) & rbp_mask);
  }
};

// What deciding "nothing changed" reads, on one cache line; the rest of a thread's remembered stack follows it
// (last_stack.h). Only the thread itself uses it.
struct LastStack {
  LeafRegisters leaf;                        // of no stack: none is known that could be unchanged
  const PackedCheck* leaf_checks = nullptr;  // the innermost of the words that unwinding from the leaf read
  const PackedCheck* leaf_end = nullptr;     // the mark behind them all
  uint32_t generation = 0;                   // the module_generation of what is remembered (kComparedGeneration added)
  core::StackId leaf_stack = core::StackId::unknown;
  std::atomic<uint64_t> same{0};  // captures of an unchanged stack; read by capture_counters
};

// Whether `caller` stands where the remembered stack was captured, and the unwind from there would read the same words.
[[gnu::always_inline]] inline bool is_unchanged(const LastStack& last, const Registers& caller, uint32_t generation) {
  const uintptr_t difference = last.leaf.difference(caller) | (generation ^ last.generation);
  return difference == 0 && innermost_changed(last.leaf_checks, caller.sp) == last.leaf_end;
}

inline void count_one(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// The rest of capture(), out of line.
core::StackId capture_changed(LastStack&, uintptr_t ip, uintptr_t sp, uintptr_t rbp);

}  // namespace weir::stack
