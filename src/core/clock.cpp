#include "core/clock.h"

#include <time.h>

#include "core/system_call.h"

namespace weir::core {

uint64_t clock_origin_cycles;
std::atomic<uint64_t> stopped_cycles;

namespace {
uint64_t nanoseconds(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(time.tv_nsec);
}

uint64_t clock_ns_by_system_call(clockid_t clock) {
  timespec now{};
  system_call(SYS_clock_gettime, clock, as_argument(&now));
  return nanoseconds(now);
}

uint64_t clock_ns(clockid_t clock) {
  if (stopped_cycles.load(std::memory_order_relaxed) != 0) return clock_ns_by_system_call(clock);
  timespec now{};
  clock_gettime(clock, &now);  // vdso: no system call, but it reads the counter
  return nanoseconds(now);
}
}  // namespace

void stop_clock() { stopped_cycles.store(read_cycles(), std::memory_order_relaxed); }
void start_clock() { stopped_cycles.store(0, std::memory_order_relaxed); }

ClockPair read_clock_pair() { return {read_cycles(), clock_ns(CLOCK_MONOTONIC)}; }
uint64_t realtime_ns() { return clock_ns(CLOCK_REALTIME); }
uint64_t monotonic_ns() { return clock_ns_by_system_call(CLOCK_MONOTONIC); }
uint64_t thread_cpu_ns() { return clock_ns_by_system_call(CLOCK_THREAD_CPUTIME_ID); }  // guard: timeline-cost

}  // namespace weir::core
