// Functions, files and lines of an export's frames.
#pragma once

#include "cli/export_report.h"

namespace weir::cli {

// Adds to the frame what an entry of a finished report's `frames` says; nothing where it is raw.
void take_lines(ExportFrames& code, ExportFrame& frame, const Json& entry);

// Finishes a raw report's frames a part at a time. `modules` are the report's own. Notes in unread_modules what it could not read.
void add_symbols(ExportReport& report, const Json& modules);

}  // namespace weir::cli
