#include "track/recording.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/clock.h"
#include "core/large_table.h"
#include "core/spin_lock.h"

namespace weir::track {
namespace {

// First and last tick; the last one of a pause that goes on is kNoEnd.
struct Pause {
  uint64_t first, last;
};
constexpr uint64_t kNoEnd = UINT64_MAX;

constinit core::SpinLock lock;
WEIR_LARGE_TABLE constinit Pause pauses[kMostPauses]{};  // by ascending ticks
constinit std::atomic<size_t> pause_count{0};
uint64_t forgotten_regions;

bool is_paused() {
  const size_t count = pause_count.load(std::memory_order_relaxed);
  return count > 0 && pauses[count - 1].last == kNoEnd;
}

// What lies between the two oldest pauses becomes part of them.
void join_oldest() {
  pauses[1].first = pauses[0].first;
  memmove(&pauses[0], &pauses[1], (kMostPauses - 1) * sizeof(Pause));
  pause_count.store(kMostPauses - 1, std::memory_order_relaxed);
  ++forgotten_regions;
}

void begin_pause(uint64_t first_tick) {
  if (pause_count.load(std::memory_order_relaxed) == kMostPauses) join_oldest();
  const size_t count = pause_count.load(std::memory_order_relaxed);
  pauses[count] = {first_tick, kNoEnd};
  pause_count.store(count + 1, std::memory_order_release);
}

// The tick that is over when this returns. Where the process may no longer read its clock, no tick ever ends: then at once.
uint64_t end_tick() {
  const uint64_t tick = core::current_tick();
  while (core::current_tick() == tick && core::stopped_cycles.load(std::memory_order_relaxed) == 0) {
    __builtin_ia32_pause();
  }
  return tick;
}

}  // namespace

void begin_paused() {
  const core::LockScope scope(lock);
  if (!is_paused()) begin_pause(0);
}

bool pause_recording() {
  const core::LockScope scope(lock);
  if (is_paused()) return false;
  begin_pause(end_tick() + 1);
  return true;
}

bool resume_recording() {
  const core::LockScope scope(lock);
  if (!is_paused()) return false;
  pauses[pause_count.load(std::memory_order_relaxed) - 1].last = end_tick();
  return true;
}

bool is_recording() {
  const core::LockScope scope(lock);
  return !is_paused();
}

bool is_recorded(uint64_t tick) {
  if (pause_count.load(std::memory_order_acquire) == 0) [[likely]]
    return true;
  const core::LockScope scope(lock);
  const Pause* first = pauses;
  const Pause* after = std::upper_bound(first, first + pause_count.load(std::memory_order_relaxed), tick,
                                        [](uint64_t value, const Pause& pause) { return value < pause.first; });
  return after == first || tick > after[-1].last;
}

uint64_t forgotten_region_count() {
  const core::LockScope scope(lock);
  return forgotten_regions;
}

void recording_reset_after_fork() { lock.reset_after_fork(); }

void recording_clear() {
  pause_count.store(0, std::memory_order_release);
  forgotten_regions = 0;
}

}  // namespace weir::track
