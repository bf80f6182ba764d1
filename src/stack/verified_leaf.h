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

// A word that the unwind read. Equal words, equal unwind.
struct Check {
  const uintptr_t* address;
  uintptr_t value;

  bool holds() const { return *address == value; }
};

// Lies before the first of an array of checks and never holds, so that verifying needs no other end.
inline constexpr uintptr_t kNeverEqual = 0;
inline constexpr Check kCheckSentinel = {&kNeverEqual, ~kNeverEqual};

// The innermost of the checks up to `check` whose word changed: the sentinel where all hold. Goes from the inside out and
// reads none after it: only words that a real unwind would read are touched, which keeps it safe where the remembered
// stack's memory is gone. Cost: four instructions a word.
[[gnu::always_inline]] inline const Check* innermost_changed(const Check* check) {
  for (;; check -= 8) {
    if (!check[0].holds()) return check;
    if (!check[-1].holds()) return check - 1;
    if (!check[-2].holds()) return check - 2;
    if (!check[-3].holds()) return check - 3;
    if (!check[-4].holds()) return check - 4;
    if (!check[-5].holds()) return check - 5;
    if (!check[-6].holds()) return check - 6;
    if (!check[-7].holds()) return check - 7;
  }
}

// Grows by one whenever a module was unloaded. What was remembered under another generation is void.
extern std::atomic<uint32_t> module_generation;

// What deciding "nothing changed" reads, on one cache line; the rest of a thread's remembered stack follows it
// (last_stack.h). Only the thread itself uses it.
struct LastStack {
  uintptr_t leaf_ip = 0;  // 0: nothing is remembered
  uintptr_t leaf_sp = 0;
  uintptr_t leaf_rbp = 0;
  uintptr_t leaf_rbp_mask = 0;         // all ones where rbp must be equal
  const Check* leaf_checks = nullptr;  // the innermost of the words that unwinding from the leaf read
  const Check* checks = nullptr;       // the sentinel below them all
  uint32_t generation = 0;             // the module_generation of what is remembered (kComparedGeneration added)
  core::StackId leaf_stack = core::StackId::unknown;
  std::atomic<uint64_t> same{0};  // captures of an unchanged stack; read by capture_counters
};

// Whether `caller` stands where the remembered stack was captured, and the unwind from there would read the same words.
[[gnu::always_inline]] inline bool is_unchanged(const LastStack& last, const Registers& caller, uint32_t generation) {
  const uintptr_t difference = (caller.ip ^ last.leaf_ip) | (caller.sp ^ last.leaf_sp) |
                               ((caller.rbp ^ last.leaf_rbp) & last.leaf_rbp_mask) | (generation ^ last.generation);
  return difference == 0 && innermost_changed(last.leaf_checks) == last.checks;
}

inline void count_one(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// The rest of capture(), out of line.
core::StackId capture_changed(LastStack&, uintptr_t ip, uintptr_t sp, uintptr_t rbp);

}  // namespace weir::stack
