// The report's "leak_check": what the classes of leaks are worth, and how much memory each has.
#pragma once

#include "leak/classify.h"
#include "report/device_leaks.h"
#include "report/json_stream.h"
#include "report/report_writer.h"
#include "report/snapshot.h"

namespace weir::report {

void write_leak_check(JsonStream& json, const ReportInput& input, const leak::Classification& classes,
                      const Snapshot& snapshot, const DeviceLeaks& of_devices);

}  // namespace weir::report
