// The part of a capture that runs where the stack changed to one that came before, inline: for capture_changed() and for the one
// hook that most allocations go by, which calls nothing on its way and so saves no registers.
#pragma once

#include "stack/last_stack.h"

namespace weir::stack {

// The recent stack that `caller` has in its turn, which is the remembered one from now on; unknown where there is none. Whoever uses
// it counts it. What is remembered must be of the present generation. Cost: about 45 instructions, and five a word.
template <RecentStacks::Reach kReach>
[[gnu::always_inline]] inline core::StackId recall_in_turn(ThreadStack& last, const Registers& caller) {
  const core::StackId stack = last.recent.recall_in_turn<kReach>(last, caller, last.followed);
  if (stack == core::StackId::unknown) [[unlikely]]
    return stack;
  last.plain_left = 0;
  last.followed = stack;
  return stack;
}

// The same without a call; where it is unknown capture_unrecalled() is to be asked.
[[gnu::always_inline]] inline core::StackId recall(LastStack& leaf, const Registers& caller) {
  auto& last = static_cast<ThreadStack&>(leaf);
  if (last.generation != module_generation.load(std::memory_order_acquire)) [[unlikely]]
    return core::StackId::unknown;
  return recall_in_turn<RecentStacks::Reach::near>(last, caller);
}

inline void count_recalled(LastStack& leaf) { count_one(static_cast<ThreadStack&>(leaf).recalled); }

// The rest of a capture whose stack recall() does not know: looks further, else walks.
core::StackId capture_unrecalled(LastStack&, uintptr_t ip, uintptr_t sp, uintptr_t rbp);

}  // namespace weir::stack
