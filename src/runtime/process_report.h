// The bridge from the process's facts to the report layer.
#pragma once

#include <cstdint>

#include "core/guard.h"
#include "report/report_writer.h"

namespace weir::runtime {

// Whether blocks may be classified: WEIR_LEAKS, and all blocks are tracked.
bool may_classify();

// Writes the report under its final name, in the place of an earlier one of this process; `status` may be kNoStatus. `is_last`: the process
// ends for good. One thread at a time. Returns how many of its blocks are definitely or indirectly lost; 0 where none was written.
uint64_t write_process_report(const core::Inside&, const char* how, int status, bool is_last);

// Writes the report as it is now, of a process that goes on; the next one of either kind takes its place. One thread at a time.
void write_running_report_file(const core::Inside&);

// Writes a snapshot, a report of a process that lives on, beside the process's own report, of which it disturbs nothing. pattern: nullptr
// for the report's place with .snapshot-N before its .json; else where it goes, as WEIR_REPORT would have it, a relative one by the
// present folder. Nothing is overwritten. classifies: with the leak check. 0, or a positive errno, and nothing is said. One thread at a time.
int write_snapshot_report(const core::Inside&, const char* pattern, bool classifies, report::WrittenReport* written);

// A report that is written for a question, and removed with its object. In /tmp: the process's own report may not be wanted.
class TemporaryReport {
 public:
  TemporaryReport() = default;
  ~TemporaryReport();
  TemporaryReport(const TemporaryReport&) = delete;
  TemporaryReport& operator=(const TemporaryReport&) = delete;

  // False where it could not be written: a line on stderr has said why.
  bool write(const core::Inside&);
  const char* path() const { return written_ == nullptr ? nullptr : written_->path; }
  uint64_t lost_count() const { return written_ == nullptr ? 0 : written_->lost_count; }

 private:
  report::WrittenReport* written_ = nullptr;
};

// Removes the report that write_process_report wrote last, where it wrote one: its process lives on.
void remove_written_report();

// There is none to remove: the last one is the parent's.
void process_report_reset_after_fork();

// Where the last report lies, or nullptr.
const char* written_report_path();

}  // namespace weir::runtime
