// What is allocated while the program has recording off is tracked, but is no leak: weir_record_start, weir_record_stop, WEIR_START and
// `weir ctl PID record`.
#pragma once

#include "core/guard.h"

namespace weir::runtime {

// Any thread outside Weir. False where Weir does not track the process, and in a signal handler that interrupted Weir. Waits for the next
// tick of the clock, a few microseconds, where it changes anything.
bool set_recording(bool on);

// The same inside.
void set_recording(const core::Inside&, bool on);

}  // namespace weir::runtime
