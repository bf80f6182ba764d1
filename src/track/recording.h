// When the program had its allocations recorded: what was allocated while it had not is tracked like everything else, but is no leak and
// is not listed.
//
// By ticks. The tick of a change belongs to what was before it: a change waits until the tick is over, a few microseconds, and the runtime
// has every thread read the clock anew, so that for the calling thread the order of the events is exact, and for another one the order
// in which it and the caller can know of each other.
//
// Threads: any. A spin lock for changes; readers of the report ask is_recorded() of each live block.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::track {

// So many changes are told apart. With more, what was recorded between the oldest ones counts as not recorded: nothing is ever listed
// that should not be.
inline constexpr size_t kMostPauses = 512;

// From the process's start on, before its first event.
void begin_paused();

// From now on, until the other call. Each waits for the next tick. False where it is so already.
bool pause_recording();
bool resume_recording();

bool is_recording();

// Whether what was allocated at this tick was recorded. Cost without a pause: one load.
bool is_recorded(uint64_t tick);

// How often a recorded region came to count as not recorded (kMostPauses).
uint64_t forgotten_region_count();

// Locks that another thread may have held. A child goes on as its parent was.
void recording_reset_after_fork();

// As at the start of a process; for unit tests.
void recording_clear();

}  // namespace weir::track
