// Ticks of events -> nanoseconds since the process's start, by the two clock pairs taken at its start and its end.
#pragma once

#include <cstdint>

#include "core/clock.h"

namespace weir::report {

class EventClock {
 public:
  EventClock(const core::ClockPair& start, const core::ClockPair& end)
      : start_cycles_(start.cycles),
        duration_ns_(end.ns > start.ns ? end.ns - start.ns : 0),
        ns_per_cycle_(end.cycles > start.cycles
                          ? static_cast<double>(duration_ns_) / static_cast<double>(end.cycles - start.cycles)
                          : 0) {}

  uint64_t duration_ns() const { return duration_ns_; }

  uint64_t ns_of_cycles(uint64_t cycles) const {
    return static_cast<uint64_t>(static_cast<double>(cycles) * ns_per_cycle_);
  }

  // 0 for an event of the tick of the start itself or before. Exact to one tick.
  uint64_t ns_of(uint64_t tick) const {
    const uint64_t cycles = (tick << core::kTickShift) + core::clock_origin_cycles;
    return cycles > start_cycles_ ? static_cast<uint64_t>(static_cast<double>(cycles - start_cycles_) * ns_per_cycle_)
                                  : 0;
  }

 private:
  uint64_t start_cycles_;
  uint64_t duration_ns_;
  double ns_per_cycle_;
};

}  // namespace weir::report
