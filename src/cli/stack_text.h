// A report's stack as lines of text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

struct StackLine {
  std::string function;  // empty: not known
  std::string place;     // "file:line", or "module+0x12" where there is no line
  bool inlined = false;
  bool noise = false;     // is_start_code(), or the stack's cut end
  bool is_short = false;  // the file is one below the working directory, and told relative to that
};

// Of one entry of the report's `frames`: what was inlined there, innermost first, then the function itself. Empty for Weir's own.
std::vector<StackLine> frame_lines(const Json& report, size_t frame);

// How every stack begins: start-up code of libc and the loader, in a module of that file name.
bool is_start_code(std::string_view function, std::string_view module);

// Weir's own library, whose frames are nobody's business.
bool is_own_module(std::string_view module);

// Innermost first; frames of Weir's own are left out. The report must be finished (finish_report).
std::vector<StackLine> stack_lines(const Json& report, size_t stack);

}  // namespace weir::cli
