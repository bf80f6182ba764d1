// What a program says of its leaks in LeakSanitizer's way: LSAN_OPTIONS=suppressions=FILE, and functions that it may define,
// __lsan_default_options, __lsan_default_suppressions and __lsan_is_turned_off. They are found where the program exports them.
#pragma once

#include <cstddef>

namespace weir::runtime {

inline constexpr size_t kMostSuppressionBytes = size_t{64} << 10;

// Calls the program's functions and keeps what they say. From process_start, outside the guard: it is the program's own code.
void read_program_suppressions();

// The text that __lsan_default_suppressions gave, cut at kMostSuppressionBytes; nullptr where there is none.
const char* default_suppressions();

// The files that WEIR_SUPPRESSIONS, LSAN_OPTIONS and __lsan_default_options name, as absolute paths; nullptr behind the last one.
const char* const* suppression_files();

// The program wants no leak checks: by __lsan_is_turned_off, or by detect_leaks=0 among its options of LeakSanitizer.
bool leak_checks_turned_off();

// The next option of a text such as "suppressions=a.txt:detect_leaks=0" at *cursor, which is moved behind it: separated by spaces,
// commas, colons or line ends; a value may stand in quotes. False at the end. For unit tests.
struct LsanOption {
  const char* name;
  size_t name_length;
  const char* value;
  size_t value_length;
};
bool next_lsan_option(const char** cursor, LsanOption* option);

}  // namespace weir::runtime
