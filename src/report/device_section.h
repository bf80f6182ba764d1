// What the report says of CUDA: the devices, the calls, transfers, what ended with its context, and what went wrong.
#pragma once

#include "report/event_clock.h"
#include "report/json_stream.h"
#include "report/stack_index.h"

namespace weir::report {

void write_devices(JsonStream& json, const EventClock& clock);
void write_cuda(JsonStream& json, StackIndex& stacks, const EventClock& clock);

// Heap errors of CUDA's memory, as elements of errors[].
void write_device_errors(JsonStream& json, StackIndex& stacks, const EventClock& clock);

// As elements of warnings[].
void write_device_warnings(JsonStream& json, const EventClock& clock);

// As elements of out_of_memory[].
void write_device_out_of_memory(JsonStream& json, StackIndex& stacks, const EventClock& clock);

// "device", "pinned", ...; the number of a device, or null where it belongs to none.
void write_device_number(JsonStream& json, int device);

}  // namespace weir::report
