// What the report says of the pools of CUDA's memory.
//
// Called only where a driver was bound (see device_section.cpp). No driver call is made.
#pragma once

#include <span>

#include "cuda/pool/pool_control.h"
#include "report/event_clock.h"
#include "report/json_stream.h"

namespace weir::report {

// Whether a pool was asked for anything of that device, or by contexts of it. device: 0 and up.
bool uses_pools(int device);

// The value of a device's `pools`: the pools that were used, by the name of their memory.
void write_pools(JsonStream& json, int device, const EventClock& clock);

// One pool, with the sizes that it was asked for most.
void write_pool(JsonStream& json, const cuda::pool::Figures& figures, std::span<const cuda::pool::SizeFigures> sizes,
                const EventClock& clock);

// The value of `cuda.pool`: how the pools work, and with which options.
void write_pool_state(JsonStream& json, const EventClock& clock);

// As elements of warnings[].
void write_pool_warnings(JsonStream& json, const EventClock& clock);

}  // namespace weir::report
