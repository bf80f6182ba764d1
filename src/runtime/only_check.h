// The turn of a leak check that the program asks for: one at a time, as each stops the other threads and may write a report.
#pragma once

#include <time.h>

#include <atomic>

#include "core/system_call.h"

namespace weir::runtime {

// Others wait, asleep. Not in a process that has confined itself. The report at the process's end does not take a turn: who is at it then is
// stopped like any other thread.
class OnlyCheck {
 public:
  OnlyCheck() {
    constexpr timespec kRound{0, 1'000'000};
    while (is_running.exchange(true, std::memory_order_acquire)) {
      core::system_call(SYS_nanosleep, core::as_argument(&kRound), 0);
    }
  }
  ~OnlyCheck() { is_running.store(false, std::memory_order_release); }
  OnlyCheck(const OnlyCheck&) = delete;
  OnlyCheck& operator=(const OnlyCheck&) = delete;

  static void reset_after_fork() { is_running.store(false, std::memory_order_relaxed); }

 private:
  static inline constinit std::atomic<bool> is_running{false};
};

}  // namespace weir::runtime
