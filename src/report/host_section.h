// The report's "host": the process's exact totals, the pool, the size classes, its own mappings, and what Weir itself
// took.
#pragma once

#include "pool/pool_statistics.h"
#include "report/event_clock.h"
#include "report/json_stream.h"
#include "report/process_memory.h"
#include "report/snapshot.h"
#include "track/mapping_table.h"
#include "track/totals.h"

namespace weir::report {

struct HostFigures {
  track::HostTotals totals;
  pool::PoolStatistics pool;
  track::MappingTotals mappings;
  ProcessMemory process;
};
// Reads them into `figures`; large, so not by value.
void read_host_figures(HostFigures& figures);

void write_host(JsonStream& json, const HostFigures& figures, const Snapshot& snapshot, const EventClock& clock);

}  // namespace weir::report
