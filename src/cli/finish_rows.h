// What finishing a report adds beside functions and lines, for one that is kept in few bytes.
#pragma once

#include <functional>

#include "cli/compact_report.h"
#include "cli/row_table.h"

namespace weir::cli {

// Of a report whose frames have just got their functions: names what is known of its leaks and of the calls in its short lists, `large`
// included. All stacks are nodes.
void finish_rows(CompactReport& report, RawRows& leaks, Json& large);

// The names of calls in these rows, from the same rows where they are known.
void take_names(Json& rows, const Json& named);

// Has `name` mark the leaks of an excerpt, some at a time, and keeps what it says of them, of what suppresses them and what is wrong with
// suppressions. The rows' stacks are nodes.
void name_leaks(CompactReport& report, RawRows& leaks, const std::function<void(Json& excerpt)>& name);

}  // namespace weir::cli
