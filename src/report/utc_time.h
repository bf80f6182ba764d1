// Calendar time without the libc, whose conversions read files and take locks.
#pragma once

#include <cstdint>

#include "core/print.h"

namespace weir::report {

// Proleptic Gregorian, UTC.
struct UtcTime {
  uint64_t year, month, day, hour, minute, second, nanosecond;
};
UtcTime utc_time(uint64_t ns_since_1970);

void append_iso_time(core::TextBuffer& to, const UtcTime& time);      // 2026-11-20T21:50:00.123456789Z
void append_compact_time(core::TextBuffer& to, const UtcTime& time);  // 20261120T215000Z

}  // namespace weir::report
