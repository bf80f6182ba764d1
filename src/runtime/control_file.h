// The file by which `weir ctl` reaches this process (control/control_page.h says where it lies): made, mapped and closed at once, so that no
// descriptor of Weir's stays open in the program.
//
// The caller holds off other threads; outside Weir's guard or inside. Raw system calls only.
#pragma once

#include "control/control_page.h"

namespace weir::runtime {

// A new page, all zero but for its head; nullptr where none can be made: no folder of the user's own can be written, memory is out, the
// process has confined itself.
control::ControlPage* make_control_file();

// The file goes, and its folder if that is empty then; the page stays mapped.
void remove_control_file();

// In a forked child: the file is its parent's. unmap: the page is not used any more.
void forget_control_file(bool unmap);

}  // namespace weir::runtime
