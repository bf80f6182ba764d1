// The report's lists of blocks and stacks: leaks, peak, hot sites, large blocks.
#pragma once

#include "report/event_clock.h"
#include "report/json_stream.h"
#include "report/snapshot.h"
#include "report/stack_index.h"

namespace weir::report {

class DeviceLeaks;

// The host's and the devices', most bytes first.
void write_leaks(JsonStream& json, const Snapshot& snapshot, const DeviceLeaks& of_devices, StackIndex& stacks,
                 const EventClock& clock);
void write_peak(JsonStream& json, const Snapshot& snapshot, StackIndex& stacks);
void write_hot_sites(JsonStream& json, const Snapshot& snapshot, StackIndex& stacks);
// Requests that the host's heap could not serve, as elements of out_of_memory[].
void write_host_out_of_memory(JsonStream& json, StackIndex& stacks, const EventClock& clock);

// The same, largest first, at most kMaxLarge of each.
void write_large(JsonStream& json, const Snapshot& snapshot, const DeviceLeaks& of_devices, StackIndex& stacks,
                 const EventClock& clock);

}  // namespace weir::report
