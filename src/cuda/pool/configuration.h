// How the pools are set up. Apart from the pools themselves, whose code a process without CUDA does not touch.
#pragma once

#include "core/clock.h"
#include "cuda/pool/pool_settings.h"

namespace weir::cuda::pool {

// Once, at the process's start: sets the mode too.
void configure(const Settings& chosen);
const Settings& settings();
core::ClockPair configured_at();

// See pool_control.h.
Mode mode();
bool set_mode(Mode mode);

// Where the driver has no segments, or memory of them would have to be shared with what cannot follow it: vmm is strict from now on.
void give_up_segments();
// The driver refused them in a context, which does without.
void note_segments_refused();
// Either of the two, anywhere.
bool lacks_segments();

}  // namespace weir::cuda::pool
