// weir export: a report in the formats of other tools.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

// Adds `weir export`. The callback throws Error.
void add_export(CLI::App& app);

}  // namespace weir::cli
