// Waiting on a word, by raw system calls; also where the word lies in memory that two processes share.
#pragma once

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#include <atomic>
#include <cstdint>

#include "core/clock.h"
#include "core/system_call.h"

namespace weir::leak {

inline constexpr uint64_t kNsPerSecond = 1'000'000'000;

inline void sleep_ns(uint64_t ns) {
  const timespec time{static_cast<time_t>(ns / kNsPerSecond), static_cast<long>(ns % kNsPerSecond)};
  core::system_call(SYS_nanosleep, core::as_argument(&time), 0);
}

// Until the word is another than `seen`, somebody wakes it, or the time is over; may come back earlier. Where the kernel refuses the
// call it lets others run.
inline void wait_while(const std::atomic<uint32_t>& word, uint32_t seen, uint64_t most_ns) {
  const timespec time{static_cast<time_t>(most_ns / kNsPerSecond), static_cast<long>(most_ns % kNsPerSecond)};
  const long result =
      core::system_call(SYS_futex, core::as_argument(&word), FUTEX_WAIT, seen, core::as_argument(&time));
  if (result == -ENOSYS || result == -EPERM) core::system_call(SYS_sched_yield);
}

inline void wake_all(const std::atomic<uint32_t>& word) {
  core::system_call(SYS_futex, core::as_argument(&word), FUTEX_WAKE, 0x7fffffff);
}

// How long something has been waited for. The time in which the whole process stood still (SIGSTOP, a laptop's lid) does not count:
// between two looks at most kMostBetweenLooksNs do.
class Patience {
 public:
  explicit Patience(uint64_t limit_ns) : limit_ns_(limit_ns), last_(core::monotonic_ns()) {}

  // Looks at the clock. Nanoseconds since the beginning.
  uint64_t spent_ns() {
    const uint64_t now = core::monotonic_ns();
    const uint64_t passed = now - last_;
    last_ = now;
    spent_ += passed < kMostBetweenLooksNs ? passed : kMostBetweenLooksNs;
    return spent_;
  }
  bool is_over() { return spent_ns() >= limit_ns_; }

 private:
  static constexpr uint64_t kMostBetweenLooksNs = 20'000'000;
  uint64_t limit_ns_;
  uint64_t last_;
  uint64_t spent_ = 0;
};

}  // namespace weir::leak
