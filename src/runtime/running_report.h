// WEIR_REPORT_EVERY: reports of a process that goes on, each in the place of the one before. What cannot be caught, such as SIGKILL, then
// leaves the last of them.
#pragma once

#include "core/guard.h"
#include "options/options.h"
#include "runtime/recurring_time.h"

namespace weir::runtime {

namespace detail {
extern RecurringTime running_report_time;
void begin_running_reports();
}  // namespace detail

// At the process's start, and in a forked child.
inline void begin_running_reports() {
  if (options::current().report_every != 0) detail::begin_running_reports();
}

// Cost: one load.
inline bool is_running_report_due(uint64_t tick) { return detail::running_report_time.is_due(tick); }

// Writes it where it is due and no other thread does. In the middle of an allocation, as take_snapshot has it.
void write_running_report(const core::Inside&);

}  // namespace weir::runtime
