// `weir merge`: one report of many processes.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_merge(CLI::App& app, int& exit_code);

}  // namespace weir::cli
