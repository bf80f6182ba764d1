// Writes the report of this process: live set, counters and tables -> snapshot -> JSON, streamed (docs/report.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/clock.h"
#include "core/guard.h"

namespace weir::report {

// What the report says of the process and cannot be read from the layers below. All texts are the caller's and 0-terminated;
// nullptr stands for unknown but where said otherwise.
struct ReportInput {
  const char* exe = nullptr;               // absolute path
  const char* const* argv = nullptr;       // argc texts; nullptr with argc 0 hides them
  size_t argc = 0;
  int pid = 0;
  int ppid = 0;
  const char* rank = nullptr;              // of a parallel job (rank_in); nullptr: none
  const char* host = nullptr;
  uint64_t start_realtime_ns = 0;          // since 1970
  core::ClockPair start{};                 // at the process's start; a forked child's own
  core::ClockPair end{};                   // now
  const char* end_text = "exit";           // "exit", "_exit", "abort", "signal TERM", "exec", ...
  bool has_exit_status = false;
  int exit_status = 0;
  uint64_t ignore_before_tick = 0;         // blocks of this tick and before were the parent's: counted, not listed; 0: none
  bool is_first_process = true;            // keeps a report path without %p and %n for itself; others get .PID inserted
  const char* const* warnings = nullptr;   // what could not be seen, and why
  size_t warning_count = 0;
  const char* starting_folder = nullptr;   // absolute: what a relative WEIR_REPORT is resolved against
};

enum class WriteResult : uint8_t {
  written,
  not_wanted,  // WEIR_REPORT=off, or WEIR_REPORT_IF=leaks and there are none
  failed,      // one line on stderr has said why; nothing is left on disk
};

// The rank of this process in a parallel job by its launcher's variables (RANK, OMPI_COMM_WORLD_RANK, PMIX_RANK, PMI_RANK,
// SLURM_PROCID, in this order), or nullptr. The text is the environment's own.
const char* rank_in(const char* const* environment);

// Writes the report that the options ask for under its final name. The caller has stopped tracking or lives with figures that
// move while they are read. Any thread, once at a time. Metadata memory is bounded by distinct stacks and given back; no libc
// heap; system calls: open, write, rename and the like on the report, reads of /proc/self.
WriteResult write_report(const core::Inside& inside, const ReportInput& input);

// The same in two steps, for a process that is about to exec: the report lies under a temporary name in its folder, and
// becomes a report (commit) or disappears (discard) once it is known whether the exec succeeded. The hand-over to the new
// image is the two paths.
constexpr size_t kMaxReportPath = 4096;
struct PreparedReport {
  char temporary_path[kMaxReportPath];
  char final_path[kMaxReportPath];
};
WriteResult prepare_report(const core::Inside& inside, const ReportInput& input, PreparedReport* prepared);
// Gives the report its final name, or the next free one (name.1.json, ...); `prepared->final_path` is then that name.
WriteResult commit_report(PreparedReport* prepared);
void discard_report(const PreparedReport& prepared);

}  // namespace weir::report
