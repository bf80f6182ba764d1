// `weir diff`: what has grown between two reports.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_diff(CLI::App& app, int& exit_code);

}  // namespace weir::cli
