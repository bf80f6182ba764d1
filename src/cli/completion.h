#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

// Adds `weir completion`; it completes the commands and options that `app` has when it runs.
void add_completion(CLI::App& app);

}  // namespace weir::cli
