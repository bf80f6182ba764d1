#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

// Adds `weir ctl`. `exit_code` becomes 1 where what was asked for is refused or not done yet.
void add_ctl(CLI::App& app, int& exit_code);

}  // namespace weir::cli
