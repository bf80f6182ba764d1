// The process's CPython, in words.
#pragma once

#include <cstdint>

#include "core/print.h"

namespace weir::report {

// Of PY_VERSION_HEX: "3.11.2". Versions before 3.11 do not tell themselves: "before 3.11".
void append_python_version(core::TextBuffer& text, uint32_t version);

// Why stacks have no Python frames though they are wanted, as a sentence; nullptr where they have, or there is no CPython. Its memory
// stays; one thread at a time.
const char* python_warning();

}  // namespace weir::report
