// Misuse of the host's heap, as elements of errors[].
#pragma once

#include "report/event_clock.h"
#include "report/json_stream.h"
#include "report/stack_index.h"

namespace weir::report {

void write_host_errors(JsonStream& json, StackIndex& stacks, const EventClock& clock);

}  // namespace weir::report
