// Serves what `weir ctl` asks of this process, on the program's own threads, after their calls of CUDA's.
#pragma once

#include "core/guard.h"
#include "cuda/control.h"

namespace weir::runtime {

// What cuda::Settings::serve_control is set to. Makes the file at the first call, does what is asked, brings the published figures up to
// date where they are old. Outside Weir, with no lock held. At an exit, in a confined process and in a vfork child: nothing.
void serve_control();

// The same for what needs no driver and may be done inside the guard: Action::record. Called when a thread reads its clock.
void serve_control_inside(const core::Inside&);

// Whether anything is asked that was not done yet. Cost: a load where there is no file, else two.
inline bool is_control_asked() {
  const std::atomic<uint32_t>* attention = cuda::control_attention.load(std::memory_order_acquire);
  return attention != nullptr && attention->load(std::memory_order_relaxed) != 0;
}

// Makes the file at once, where the process may be asked before it uses CUDA: under WEIR_START=off.
void open_control_early();

// The process ends, or confines itself: nobody can ask any more. reopen_control(): it lives on.
void close_control();
void reopen_control();

// In a forked child: its parent's page is not its own; it makes one at its first call of CUDA's.
void control_reset_after_fork();

}  // namespace weir::runtime
