#include "core/clock.h"

#include <time.h>

namespace weir::core {

uint64_t clock_origin_cycles;

namespace {
uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);  // vdso: no system call
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}
}  // namespace

ClockPair read_clock_pair() { return {read_cycles(), clock_ns(CLOCK_MONOTONIC)}; }
uint64_t realtime_ns() { return clock_ns(CLOCK_REALTIME); }

}  // namespace weir::core
