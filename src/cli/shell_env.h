#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

// Adds `weir env`.
void add_env(CLI::App& app);

}  // namespace weir::cli
