// The turn of a leak check that the program asks for: one at a time, as each stops the other threads and may write a report.
#pragma once

#include <time.h>

#include <atomic>

#include "core/system_call.h"

namespace weir::runtime {

// Others wait, asleep. Not in a process that has confined itself. The report at the process's end takes no turn: it waits for who has it
// (wait_for_end), so that no half of a report is left behind, and whoever comes then finds that the process ends.
class OnlyCheck {
 public:
  OnlyCheck() {
    for (int nobody = 0; !owner.compare_exchange_weak(nobody, core::current_tid(), std::memory_order_seq_cst);
         nobody = 0) {
      sleep_a_round();
    }
  }
  ~OnlyCheck() { owner.store(0, std::memory_order_release); }
  OnlyCheck(const OnlyCheck&) = delete;
  OnlyCheck& operator=(const OnlyCheck&) = delete;

  // Waits until nobody has the turn, at most for about ten seconds: who has it may hang on its disk. Not for the calling thread itself.
  static void wait_for_end() {
    constexpr int kMostRounds = 10'000;
    for (int rounds = 0; rounds < kMostRounds; ++rounds) {
      const int present = owner.load(std::memory_order_seq_cst);
      if (present == 0 || present == core::current_tid()) return;
      sleep_a_round();
    }
  }

  static void reset_after_fork() { owner.store(0, std::memory_order_relaxed); }

 private:
  static void sleep_a_round() {
    constexpr timespec kRound{0, 1'000'000};
    core::system_call(SYS_nanosleep, core::as_argument(&kRound), 0);
  }

  static inline constinit std::atomic<int> owner{0};  // the thread's number; 0: nobody
};

}  // namespace weir::runtime
