// Serves what `weir ctl` asks of this process, on the program's own threads, after their calls of CUDA's.
#pragma once

namespace weir::runtime {

// What cuda::Settings::serve_control is set to. Makes the file at the first call, does what is asked, brings the published figures up to
// date where they are old. Outside Weir, with no lock held. At an exit, in a confined process and in a vfork child: nothing.
void serve_control();

// The process ends, or confines itself: nobody can ask any more. reopen_control(): it lives on.
void close_control();
void reopen_control();

// In a forked child: its parent's page is not its own; it makes one at its first call of CUDA's.
void control_reset_after_fork();

}  // namespace weir::runtime
