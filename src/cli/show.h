#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

// Adds `weir show` and `weir symbolize`. The callbacks throw Error.
void add_show(CLI::App& app);
void add_symbolize(CLI::App& app);

}  // namespace weir::cli
