// The report's "timeline": the course of the host's and the devices' memory. To the points that events have taken come the exact peak
// and the moment of the report.
#pragma once

#include "core/clock.h"
#include "report/event_clock.h"
#include "report/host_section.h"
#include "report/json_stream.h"

namespace weir::report {

// end: the moment of the report.
void write_timeline(JsonStream& json, const HostFigures& figures, const EventClock& clock, const core::ClockPair& end);

}  // namespace weir::report
