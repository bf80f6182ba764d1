#include "report/utc_time.h"

namespace weir::report {
namespace {

void append_padded(core::TextBuffer& to, uint64_t value, int digits) {
  uint64_t weight = 1;
  for (int i = 1; i < digits; ++i) weight *= 10;
  for (; weight > 0; weight /= 10) to.character(static_cast<char>('0' + value / weight % 10));
}

}  // namespace

UtcTime utc_time(uint64_t ns_since_1970) {
  constexpr uint64_t kNsPerSecond = 1'000'000'000, kSecondsPerDay = 86'400;
  const uint64_t seconds = ns_since_1970 / kNsPerSecond;
  const uint64_t of_day = seconds % kSecondsPerDay;
  // Howard Hinnant's civil_from_days: years begin in March, so that the leap day is the last of its year.
  constexpr uint64_t kDaysToEpoch = 719'468, kDaysPerEra = 146'097;
  const uint64_t days = seconds / kSecondsPerDay + kDaysToEpoch;
  const uint64_t era = days / kDaysPerEra, of_era = days % kDaysPerEra;
  const uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t march_month = (5 * of_year + 2) / 153;
  const uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          month,
          of_year - (153 * march_month + 2) / 5 + 1,
          of_day / 3600,
          of_day / 60 % 60,
          of_day % 60,
          ns_since_1970 % kNsPerSecond};
}

void append_iso_time(core::TextBuffer& to, const UtcTime& time) {
  append_padded(to, time.year, 4);
  append_padded(to.character('-'), time.month, 2);
  append_padded(to.character('-'), time.day, 2);
  append_padded(to.character('T'), time.hour, 2);
  append_padded(to.character(':'), time.minute, 2);
  append_padded(to.character(':'), time.second, 2);
  append_padded(to.character('.'), time.nanosecond, 9);
  to.character('Z');
}

void append_compact_time(core::TextBuffer& to, const UtcTime& time) {
  append_padded(to, time.year, 4);
  append_padded(to, time.month, 2);
  append_padded(to, time.day, 2);
  append_padded(to.character('T'), time.hour, 2);
  append_padded(to, time.minute, 2);
  append_padded(to, time.second, 2);
  to.character('Z');
}

}  // namespace weir::report
