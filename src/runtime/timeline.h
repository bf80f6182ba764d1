// Takes the points of the timeline (track/timeline.h), on the program's own threads, by events that are not on the plain path.
#pragma once

#include "core/clock.h"
#include "core/guard.h"
#include "track/timeline.h"

namespace weir::runtime {

// By WEIR_TIMELINE; once, at the process's start. It takes no memory before the first point, one interval later.
void begin_timeline();

// Reads the figures and adds them to the series. One thread at a time: others pass by, as does one that holds a lock of Weir's, and
// every one of a process that has confined itself (core/confinement.h). So that no more than a hundredth of the processor's time goes
// into it, the next point may be due later than by the interval.
void take_point(const core::Inside&);

// For an event at this time. Cost where none is due: one load.
inline void note_time(const core::Inside& inside, uint64_t tick) {
  if (track::is_point_due(tick)) [[unlikely]]
    take_point(inside);
}

// The same for an event that has not read the clock. Cost: a load, and where there is a timeline the reading.
inline void note_time(const core::Inside& inside) {
  if (track::next_point_tick.load(std::memory_order_relaxed) != track::kNoTick) note_time(inside, core::current_tick());
}

// In a forked child: its own begins.
void timeline_reset_after_fork();

}  // namespace weir::runtime
