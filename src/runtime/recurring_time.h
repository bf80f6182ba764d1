// A time that comes again and again, seen by the ticks of events: what is due is done at the next event, by one thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/clock.h"

namespace weir::runtime {

class RecurringTime {
 public:
  // Due for the first time when `interval_ns` have passed since `start`, the process's own start, by which the rate of the counter is told.
  void begin(const core::ClockPair& start, uint64_t interval_ns) {
    start_ = last_ = start;
    interval_ns_ = interval_ns;
    // As if it made a cycle a nanosecond, which none is slower than.
    set_due(start.cycles + interval_ns);
  }

  // Cost: one load. Never before begin().
  bool is_due(uint64_t tick) const { return tick >= due_tick_.load(std::memory_order_relaxed); }

  // True for one thread of those that have seen it due, where the clock says so too; it calls end_turn() then.
  bool take_turn() {
    uint64_t due = due_tick_.load(std::memory_order_acquire);
    if (due == kNever || !due_tick_.compare_exchange_strong(due, kNever, std::memory_order_acquire)) return false;
    const core::ClockPair now = core::read_clock_pair();
    if (now.ns - last_.ns >= interval_ns_) return true;
    set_due(last_.cycles + cycles_of(interval_ns_, now));
    return false;
  }

  // Due again after the interval; later where the turn took so long that more than a hundredth of the time would go into turns.
  void end_turn(uint64_t turn_ns) {
    constexpr uint64_t kShareOfTime = 100;
    last_ = core::read_clock_pair();
    const uint64_t least_ns = turn_ns * kShareOfTime;
    set_due(last_.cycles + cycles_of(least_ns > interval_ns_ ? least_ns : interval_ns_, last_));
  }

 private:
  static constexpr uint64_t kNever = UINT64_MAX;

  uint64_t cycles_of(uint64_t ns, const core::ClockPair& now) const {
    if (now.ns <= start_.ns || now.cycles <= start_.cycles) return ns;
    const double rate = static_cast<double>(now.cycles - start_.cycles) / static_cast<double>(now.ns - start_.ns);
    return static_cast<uint64_t>(static_cast<double>(ns) * rate);
  }

  void set_due(uint64_t cycles) { due_tick_.store(core::tick_at(cycles), std::memory_order_release); }

  std::atomic<uint64_t> due_tick_{kNever};
  core::ClockPair start_{}, last_{};  // of the thread whose turn it is
  uint64_t interval_ns_ = 0;
};

}  // namespace weir::runtime
