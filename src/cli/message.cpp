#include "cli/message.h"

#include <cstdio>

#include "cli/json_access.h"

namespace weir::cli {

void say(const std::string& line) {
  std::fprintf(stderr, "weir: %s\n", printable(line).c_str());  // guard: message-names
}

}  // namespace weir::cli
