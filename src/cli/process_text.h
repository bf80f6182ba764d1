// What a report says of its process, as a person reads it.
#pragma once

#include <string>

#include "cli/report_file.h"

namespace weir::cli {

// "ended by exit", or of a snapshot "still running". process: of a report, as for all here.
std::string way_of_end(const Json& process);

// "ended by exit with status 0".
std::string end_of(const Json& process);

// The command line as a shell would take it; empty where the report has none.
std::string command_of(const Json& process);

}  // namespace weir::cli
