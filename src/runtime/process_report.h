// The bridge from the process's facts to the report layer.
#pragma once

#include "core/guard.h"

namespace weir::runtime {

// Writes the report under its final name; `status` may be kNoStatus. `is_last`: the process ends for good. One thread at a time.
void write_process_report(const core::Inside&, const char* how, int status, bool is_last);

// Removes the report that write_process_report wrote last, where it wrote one: its process lives on.
void remove_written_report();

// There is none to remove: the last one is the parent's.
void process_report_reset_after_fork();

// Where the last report lies, or nullptr.
const char* written_report_path();

}  // namespace weir::runtime
