// --debug-dir and --debuginfod, of every command that finishes reports.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_symbol_options(CLI::App& app);

}  // namespace weir::cli
