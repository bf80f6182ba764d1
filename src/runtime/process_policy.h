// Which processes write a report.
#pragma once

namespace weir::runtime {

// By WEIR_ONLY, WEIR_EXCLUDE, and WEIR_FOLLOW for a forked child.
bool process_chosen();

// By WEIR_REPORT, WEIR_REPORT_IF, WEIR_ONLY, WEIR_EXCLUDE, and WEIR_FOLLOW for a forked child. Under
// WEIR_REPORT_IF=leaks it walks the live set.
bool report_wanted();

}  // namespace weir::runtime
