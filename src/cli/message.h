// What a command tells the user beside its result.
#pragma once

#include <string>

namespace weir::cli {

// "weir: LINE" on stderr: one line, whatever control characters the names in it have.
void say(const std::string& line);

}  // namespace weir::cli
