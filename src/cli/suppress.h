// `weir suppress`: a file of suppressions for what reports say is lost.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_suppress(CLI::App& app);

}  // namespace weir::cli
