// Reading what may be missing or null in a report.
#pragma once

#include <cstdint>
#include <string>

#include "cli/report_file.h"

namespace weir::cli {

uint64_t figure(const Json& object, const char* key);  // 0 where there is none; the nearest where it is none of 64 bits
double ratio(const Json& object, const char* key);     // 0 where there is none
std::string text_of(const Json& object, const char* key);      // printable(); "" where there is none
std::string number_text(const Json& object, const char* key);  // "" where there is none
bool is_true(const Json& object, const char* key);             // false where there is none
const Json& child(const Json& object, const char* key);        // an empty object where there is none
const Json& array_of(const Json& object, const char* key);     // an empty array where there is none

// What a report calls the program: its executable's own name.
std::string program_of(const Json& report);
std::string program_of_process(const Json& process);

bool is_control(char c);  // of ASCII

// Control characters become '?': a report may come from anywhere, and goes to a terminal.
std::string printable(std::string text);

std::string base_name(const std::string& path);

}  // namespace weir::cli
