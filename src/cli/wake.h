// Wakes a process that sleeps, so that it looks at what is asked of it (control/control_page.h, Waking).
#pragma once

#include <string>

#include "control/control_page.h"

namespace weir::cli {

// Sends the signal that the page names, where that is safe: its handler is installed, and a thread has it open. Empty, or a clause that says
// why it was not sent. One at a time: the caller holds the file's lock.
std::string wake(int pid, control::Waking& waking);

// The same for a process that has no page yet (control/wake_marker.h): it then makes one.
std::string wake_without_page(int pid);

}  // namespace weir::cli
