#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

// Adds `weir html`. The callback throws Error.
void add_html(CLI::App& app);

}  // namespace weir::cli
