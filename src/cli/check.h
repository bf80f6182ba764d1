// `weir check`: an exit code for continuous integration.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_check(CLI::App& app, int& exit_code);

}  // namespace weir::cli
