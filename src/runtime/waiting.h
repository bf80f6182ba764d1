// Waiting for another thread that may take as long as a disk takes.
#pragma once

#include "leak/futex.h"

namespace weir::runtime {

inline constexpr uint64_t kWaitRoundNs = 1'000'000;

// Until is_over(), which is asked every millisecond; about ten seconds at the most: who hangs on its disk must not hold the process for ever.
template <class IsOver>
void wait_a_while(const IsOver& is_over) {
  constexpr int kMostRounds = 10'000;
  for (int rounds = 0; rounds < kMostRounds && !is_over(); ++rounds) leak::sleep_ns(kWaitRoundNs);
}

}  // namespace weir::runtime
