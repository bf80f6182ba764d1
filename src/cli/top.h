// `weir top`: a running program's memory, again and again.
#pragma once

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_top(CLI::App& app, int& exit_code);

}  // namespace weir::cli
