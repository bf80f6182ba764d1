// `weir snapshot PID`: a report of a running process as it is now.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_snapshot(CLI::App& app, int& exit_code);

}  // namespace weir::cli
