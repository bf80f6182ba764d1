// Reports on disk.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "symbolize/report.h"

namespace weir::cli {

using Json = nlohmann::ordered_json;

// Reads a report and checks what the rest of the command relies on: the schema's name, the types of the top-level keys, and
// that stacks, frames and modules refer to what is there. Throws Error(kExitBadReport) whose one line names the file, the
// byte where that is known, and what was expected.
Json read_report(const std::string& path);

// The report as text: one line per entry of each table. Bytes that are not UTF-8 become U+FFFD.
std::string to_text(const Json& report);

// Replaces `path` atomically, readable by the owner only. Throws Error(kExitOwnFailure).
void write_report(const std::string& path, const Json& report);

// Adds functions, lines, the names of runtime allocations and calls, and which leaks are suppressed, where the report has none of it yet.
// True where it changed.
bool finish_report(Json& report, symbolize::Symbolizer& symbolizer);

// The reports that a command line names: files as they are, folders as the *.json inside, by name.
std::vector<std::string> expand_folders(const std::vector<std::string>& paths);

}  // namespace weir::cli
