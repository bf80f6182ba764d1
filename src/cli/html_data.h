// What a report's page shows, as the page's script reads it (src/html/report.js).
#pragma once

#include "cli/largest_stacks.h"

namespace weir::cli {

// The report must be finished (finish_report).
Json html_data(const PartOfReport& part);

}  // namespace weir::cli
