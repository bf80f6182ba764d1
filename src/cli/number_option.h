// Numbers on the command line, as CLI11's validators: what is no such number is refused in one line that says what is taken.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace weir::cli {

// Digits alone.
CLI::Validator whole_number(uint64_t least, uint64_t most = UINT64_MAX);
CLI::Validator process_id();
// Decimals too.
CLI::Validator seconds_from(double least, double most);

}  // namespace weir::cli
