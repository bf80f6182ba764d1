// Which processes write a report.
#pragma once

namespace weir::runtime {

// By WEIR_ONLY, WEIR_EXCLUDE, and WEIR_FOLLOW for a forked child; WEIR_REPORT and WEIR_REPORT_IF are the report layer's.
bool report_wanted();

// Shell-like match of a whole name: * any text, ? one character, [a-z] and [!a-z] sets, \ takes the next character literally.
bool matches_glob(const char* pattern, const char* name);

}  // namespace weir::runtime
