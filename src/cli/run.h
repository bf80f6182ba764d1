#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace weir::cli {

// Adds `weir run`. `program` is the program and its arguments as they followed "--" (filled before parsing), or empty: then
// what the command line has after its options. `exit_code` becomes the program's own code.
void add_run(CLI::App& app, const std::vector<std::string>& program, int& exit_code);

// The environment that `weir run` and `weir env` set: LD_PRELOAD with the library first, and the settings.
std::map<std::string, std::string> environment_for(const std::map<std::string, std::string>& settings);

}  // namespace weir::cli
