// Time of an event, cheaply. A tick is 2^15 cycles of the time-stamp counter (about 12 us at 2.6 GHz); ticks become
// nanoseconds only in the report, by the two readings of the system's monotonic clock at the process's start and end.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::core {

inline constexpr int kTickShift = 15;
inline constexpr uint32_t kTickBits = 38;

// Reads of the time-stamp counter and of CLOCK_MONOTONIC taken together.
struct ClockPair {
  uint64_t cycles;
  uint64_t ns;
};

// A program may forbid itself to read the counter (seccomp's strict mode, PR_SET_TSC): it would be killed for it. From
// stop_clock() on no reading is made by any thread, and cycles stay at their last value until start_clock().
void stop_clock();
void start_clock();
extern std::atomic<uint64_t> stopped_cycles;  // 0: not stopped

// Cost: one rdtsc, about 20 cycles. No system call.
inline uint64_t read_cycles() {
  const uint64_t stopped = stopped_cycles.load(std::memory_order_relaxed);
  return stopped == 0 ? __builtin_ia32_rdtsc() : stopped;
}

ClockPair read_clock_pair();
uint64_t realtime_ns();
// These by a system call each: of CLOCK_MONOTONIC, and what the calling thread has had of a processor, not what it waited for one.
uint64_t monotonic_ns();
uint64_t thread_cpu_ns();

// Where ticks are counted from; set once at start, and in a forked child.
extern uint64_t clock_origin_cycles;

inline uint64_t tick_at(uint64_t cycles) { return (cycles - clock_origin_cycles) >> kTickShift; }
inline uint64_t current_tick() { return tick_at(read_cycles()); }

}  // namespace weir::core
