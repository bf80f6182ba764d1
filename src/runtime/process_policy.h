// Which processes write a report.
#pragma once

namespace weir::runtime {

// By WEIR_REPORT=off, WEIR_REPORT_IF, WEIR_ONLY, WEIR_EXCLUDE, and WEIR_FOLLOW for a forked child. May walk the live set.
bool report_wanted();

// Shell-like match of a whole name: * any text, ? one character, [a-z] and [!a-z] sets, \ takes the next character literally.
bool matches_glob(const char* pattern, const char* name);

}  // namespace weir::runtime
