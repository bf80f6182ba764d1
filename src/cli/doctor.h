#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace weir::cli {

// Adds `weir doctor`. `program` as for add_run. `exit_code` becomes 1 where a check failed.
void add_doctor(CLI::App& app, const std::vector<std::string>& program, int& exit_code);

}  // namespace weir::cli
