// WEIR_EXITCODE: the exit status of a process that leaves blocks lost. And the same question asked in between.
#pragma once

#include <cstdint>

#include "core/guard.h"

namespace weir::runtime {

// Whether the end of this process is judged: WEIR_EXITCODE is set, WEIR_ONLY and the like choose the process, the program has not turned
// leak checks off, and was not judged by a check of its own already.
bool is_end_judged();

// The program has had its one check: its end is not judged any more. True for the first call.
bool take_early_check();
void process_verdict_reset_after_fork();

// Whether leaks remain of the report at `path`, which has so many lost blocks. The report is finished in its place if there are any. Where
// the command cannot say, no suppression counts, and a line on stderr says so.
bool do_leaks_remain(const core::Inside&, const char* path, uint64_t lost_count);

// The status that a judged process ends with: `status`, or WEIR_EXITCODE's and one line on stderr says so. shown_path: nullptr where the
// report goes away with the process.
int judged_status(const core::Inside&, const char* path, uint64_t lost_count, int status, const char* shown_path);

// WEIR_EXITCODE's line on stderr. report_path: nullptr where there is none to see.
void say_exit_status(const char* report_path);

// Looks for leaks now, by a report of its own that is removed again. Outside Weir. False where none remain, and where it cannot be told.
bool find_leaks();

}  // namespace weir::runtime
