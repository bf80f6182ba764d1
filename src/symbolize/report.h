// Finishes a raw report: functions, files, lines and inlined calls for its frames.
#pragma once

#include <nlohmann/json.hpp>

namespace weir::symbolize {

// True where nothing has finished this report yet.
bool is_raw(const nlohmann::ordered_json& report);

// Adds `function`, `file`, `line` and `inlined` to the report's frames and `symbols` to its modules, from the modules' files
// on this machine. A module that is missing or another build now keeps its raw frames and costs one entry in `warnings`. Each
// module is opened once. The report must have the shape that cli::read_report checks. Changes nothing in a finished report.
void symbolize(nlohmann::ordered_json& report);

}  // namespace weir::symbolize
