#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

// Adds `weir show` and `weir symbolize`. The callbacks set the command's exit code, or throw Error.
void add_show(CLI::App& app, int& exit_code);
void add_symbolize(CLI::App& app, int& exit_code);

}  // namespace weir::cli
