// Writes the report of this process: live set, counters and tables -> snapshot -> JSON, streamed (docs/report.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/clock.h"
#include "core/guard.h"
#include "report/report_path.h"

namespace weir::report {

// What the report says of the process and cannot be read from the layers below. All texts are the caller's and
// 0-terminated; nullptr stands for unknown but where said otherwise.
struct ReportInput {
  const char* exe = nullptr;          // absolute path
  const char* const* argv = nullptr;  // argc texts; nullptr with argc 0 hides them
  size_t argc = 0;
  int pid = 0;
  int ppid = 0;
  const char* rank = nullptr;  // of a parallel job (rank_in); nullptr: none
  const char* host = nullptr;
  uint64_t start_realtime_ns = 0;  // since 1970
  core::ClockPair start{};         // at the process's start; a forked child's own
  core::ClockPair end{};           // now
  const char* end_text = "exit";   // "exit", "_exit", "abort", "signal TERM", "exec", ...
  bool has_exit_status = false;
  int exit_status = 0;
  uint64_t ignore_before_tick = 0;  // blocks of earlier ticks were the parent's: counted, not listed; 0: none
  bool classifies = false;          // blocks, by whether the program can still reach them: all of its memory is read
  bool is_last = false;             // the process ends for good
  bool is_first_process = true;     // keeps a report path without %p and %n for itself; others get .PID inserted
  const char* const* warnings = nullptr;  // what could not be seen, and why
  size_t warning_count = 0;
  const char* starting_folder = nullptr;           // absolute: what a relative WEIR_REPORT is resolved against
  const char* replaced_path = nullptr;             // an earlier report of this process, in whose place it goes
  const char* pattern = nullptr;                   // where the report goes; nullptr: where WEIR_REPORT says
  bool is_named_snapshot = false;                  // .snapshot-N is put before the .json of its name
  bool may_overwrite = true;                       // where WEIR_OVERWRITE says so
  const char* const* suppression_files = nullptr;  // absolute paths, nullptr behind the last one
  const char* program_suppressions = nullptr;      // a text of suppressions that the program brings
};

struct WrittenReport {
  char path[kMaxPath];
  uint64_t lost_count;  // blocks in it that are definitely or indirectly lost
};

// Writes the report to where WEIR_REPORT says (whether one is wanted is the caller's decision). The figures may move
// while they are read if other threads still run. Any thread, once at a time. Working memory is bounded by distinct
// stacks and given back; no libc heap; system calls: open, write, rename and the like on the report, reads of
// /proc/self. False where it could not be written: one line on stderr has said why, and nothing is left on disk.
// written->path receives the report's path ("" on failure), absolute unless the pattern is relative and there is no starting folder.
bool write_report(const core::Inside& inside, const ReportInput& input, WrittenReport* written);

// The same for whoever tells of a failure himself: 0, or a positive errno, and nothing is said. written->path is then what could not be
// written.
int try_report(const core::Inside& inside, const ReportInput& input, WrittenReport* written);

}  // namespace weir::report
