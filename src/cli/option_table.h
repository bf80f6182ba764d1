// The library's options (options/options.def) as the command shows them and passes them on.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace weir::cli {

struct OptionRow {
  const char* kind;
  const char* variable;
  const char* default_text;
  const char* accepted;
  const char* description;
};
const std::vector<OptionRow>& option_rows();

using Settings = std::map<std::string, std::string>;  // variable -> value

// Adds --stack-depth for WEIR_STACK_DEPTH and so on; what the user gives lands in `settings`, which must outlive the command.
void add_option_flags(CLI::App& command, Settings& settings);

// Adds `weir options`.
void add_options(CLI::App& app);

}  // namespace weir::cli
