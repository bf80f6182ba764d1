// Snapshots: whole reports of a process that lives on, with the blocks classified as at its end. The process is stopped for the scan only.
#pragma once

#include <atomic>
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

// weir_snapshot. Outside of Weir's events. A line on stderr says why it could not be written.
Snapshot write_snapshot(const char* pattern);

// ---- WEIR_SNAPSHOT_SIGNAL's ----

namespace detail {
extern std::atomic<bool> snapshot_asked;
}

// In the handler: the next take_asked_snapshot or write_asked_snapshot writes one, on whichever thread.
void ask_snapshot();

// What was asked of a forked child's parent is not asked of the child.
void forget_asked_snapshot();

// Cost: a load.
inline bool is_snapshot_asked() { return detail::snapshot_asked.load(std::memory_order_relaxed); }

// As write_snapshot, where one is asked for. False where a handler that has interrupted Weir calls: it stays asked for.
bool write_asked_snapshot();

// The same at an event, as take_snapshot: where a thread is inside Weir nearly always, its handler meets it outside too rarely.
void take_asked_snapshot(const core::Inside&);

}  // namespace weir::runtime
