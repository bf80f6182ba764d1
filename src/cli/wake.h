// Wakes a process that sleeps, so that it looks at what is asked of it (control/control_page.h, Waking).
#pragma once

#include <string>

#include "control/control_page.h"

namespace weir::cli {

// Sends the signal that the page names, where that is safe: its handler is installed, and a thread has it open. Empty, or a clause that says
// why it was not sent. One at a time: the caller holds the file's lock.
std::string wake(int pid, control::Waking& waking);

}  // namespace weir::cli
