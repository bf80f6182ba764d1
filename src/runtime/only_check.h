// The turn of a leak check that the program asks for: one at a time, as each stops the other threads and may write a report.
#pragma once

#include <atomic>

#include "core/system_call.h"
#include "runtime/waiting.h"

namespace weir::runtime {

// Others wait, asleep. Not in a process that has confined itself. The report at the process's end takes no turn: it waits for who has it
// (wait_for_end), so that no half of a report is left behind, and whoever comes then finds that the process ends.
class OnlyCheck {
 public:
  OnlyCheck() {
    for (int nobody = 0; !owner.compare_exchange_weak(nobody, core::current_tid(), std::memory_order_seq_cst);
         nobody = 0) {
      leak::sleep_ns(kWaitRoundNs);
    }
  }
  ~OnlyCheck() { owner.store(0, std::memory_order_release); }
  OnlyCheck(const OnlyCheck&) = delete;
  OnlyCheck& operator=(const OnlyCheck&) = delete;

  // Waits a while until nobody has the turn. Not for the calling thread itself.
  static void wait_for_end() {
    wait_a_while([] {
      const int present = owner.load(std::memory_order_seq_cst);
      return present == 0 || present == core::current_tid();
    });
  }

  static void reset_after_fork() { owner.store(0, std::memory_order_relaxed); }

 private:
  static inline constinit std::atomic<int> owner{0};  // the thread's number; 0: nobody
};

}  // namespace weir::runtime
