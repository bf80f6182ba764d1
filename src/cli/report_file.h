// Reports on disk.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "symbolize/report.h"

namespace weir::cli {

using Json = nlohmann::ordered_json;

// One value on one line. Bytes that are not UTF-8 become U+FFFD.
std::string compact_text(const Json& value);

// A text as JSON writes it, with its quotation marks; all ASCII.
std::string json_text(const std::string& text);

// Adds functions, lines, the names of runtime allocations and calls, and which leaks are suppressed, where the report has none of it yet.
// True where it changed.
bool finish_report(Json& report, symbolize::Symbolizer& symbolizer);

// The last of that alone, for a report whose frames have just got their functions.
void name_what_is_known(Json& report);

// Whether a report of that name is a snapshot of a process that has, or will have, another at its end: "out.snapshot-1.json".
bool is_snapshot_name(const std::string& name);

// The reports that a command line names: files as they are, folders as the *.json inside, by name, snapshots left out unless there is
// nothing else.
std::vector<std::string> expand_folders(const std::vector<std::string>& paths);

}  // namespace weir::cli
