// A finished report as text.
#pragma once

#include <functional>
#include <string_view>

#include "cli/finished_report.h"

namespace weir::cli {

// Reads the report's file a second time and hands over its text, piece by piece: every entry of a list on a line of its own, with what finishing
// added; where `hides_private`, without what hide_private() takes away. Throws Error(kExitBadReport) where somebody writes to the file meanwhile.
// The report's rows must all be there still.
void copy_finished(const FinishedReport& report, bool hides_private,
                   const std::function<void(std::string_view)>& write);

// The same, in the place of the file.
void replace_by_finished(const FinishedReport& report, bool hides_private);

}  // namespace weir::cli
