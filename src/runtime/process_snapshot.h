// Snapshots: whole reports of a process that lives on, with the blocks classified as at its end. The process is stopped for the scan only.
#pragma once

#include <cstdint>

#include "core/guard.h"
#include "report/report_writer.h"

namespace weir::runtime {

enum class Snapshot : uint8_t {
  written,
  not_written,  // the report could not be made: an errno says why
  refused,      // the process ends, has confined itself, or is another one's memory (vfork)
  not_now,      // a handler that interrupted Weir asks
};

struct SnapshotRequest {
  const char* pattern;
  bool classifies = true;  // false: no leak check, for which nothing is stopped
};

// Writes one now, and waits for its turn. `pattern` as write_snapshot_report has it. *written is where it lies, or what could not be written
// with *error, a positive errno. The calling thread's signals are blocked meanwhile. Keeps errno. Where the calling thread is in the middle
// of an event of its own, its block must be in nobody's hands yet: in the middle of an allocation, not of a free or a realloc. No lock of
// Weir's may be held.
Snapshot take_snapshot(const core::Inside&, const SnapshotRequest& request, report::WrittenReport* written, int* error);

// Writes the report of now in the place of the process's own, which it keeps until the next. As take_snapshot, but a line on stderr says why
// it could not be written.
void take_running_report(const core::Inside&);

// weir_snapshot, and WEIR_SNAPSHOT_SIGNAL's. Outside of Weir's events. A line on stderr says why it could not be written.
Snapshot write_snapshot(const char* pattern);

}  // namespace weir::runtime
