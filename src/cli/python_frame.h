// Python frames in reports: they have a function, a file and a line, and no module.
#pragma once

#include "cli/json_access.h"

namespace weir::cli {

inline constexpr char kPython[] = "python";

inline bool is_python(const Json& frame) { return text_of(frame, "language") == kPython; }

}  // namespace weir::cli
