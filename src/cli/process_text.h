// What a report says of its process, as a person reads it.
#pragma once

#include <string>

#include "cli/report_file.h"

namespace weir::cli {

// "ended by exit", or of a snapshot "still running". process: of a report, as for all here.
std::string way_of_end(const Json& process);

// "ended by exit with status 0".
std::string end_of(const Json& process);

// What live memory in a report is of: its process's end, or a snapshot of a process that lived on. Of several reports it may be either.
enum class Moment { exit, snapshot, either };

Moment moment_of(const Json& process);
Moment together(Moment one, Moment other);

// As it follows "live" or "still allocated": "at exit", "at the snapshot".
const char* moment_text(Moment moment);
// The same before a figure, of at most 11 letters.
const char* moment_label(Moment moment);

// The command line as a shell would take it; empty where the report has none.
std::string command_of(const Json& process);

}  // namespace weir::cli
