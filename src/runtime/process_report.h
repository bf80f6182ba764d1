// The bridge from the process's facts to the report layer.
#pragma once

#include <cstddef>

#include "core/guard.h"

namespace weir::runtime {

// Writes the report; `status` may be kNoStatus. `written_path` receives its absolute path, "" where none could be written (the
// report layer has then said so in one line).
void write_process_report(const core::Inside&, const char* how, int status, char* written_path, size_t capacity);

}  // namespace weir::runtime
