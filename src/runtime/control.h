// Serves what `weir ctl` and `weir snapshot` ask of this process, on the program's own threads: after their calls of CUDA's, when they
// have allocated some blocks, and in a handler by which a sleeping one is woken (waking.h).
#pragma once

#include <atomic>
#include <cstdint>

#include "control/control_page.h"
#include "core/guard.h"
#include "cuda/control.h"

namespace weir::runtime {

// What cuda::Settings::serve_control is set to. Makes the file at the first call, does what is asked, brings the published figures up to
// date where they are old. Outside Weir, with no lock held. At an exit, in a confined process and in a vfork child: nothing.
void serve_control();

// The same for what needs no driver and may be done inside the guard: Action::record. Called when a thread reads its clock.
void serve_control_inside(const core::Inside&);

// The same for Action::snapshot: in the middle of an allocation, or outside of events (take_snapshot).
void serve_snapshot(const core::Inside&);

// Whether there is a page by which this process can be asked. Cost: a load.
inline bool has_control() { return cuda::control_attention.load(std::memory_order_acquire) != nullptr; }

// Whether anything is asked that was not done yet. Cost: a load where there is no file, else two.
inline bool is_control_asked() {
  const std::atomic<uint32_t>* attention = cuda::control_attention.load(std::memory_order_acquire);
  return attention != nullptr && attention->load(std::memory_order_relaxed) != 0;
}

// Makes the file at once, where the process may be asked from its start on: under WEIR_START=off.
void open_control_early();

// Makes the file where there is none yet, inside the guard: a process that has lived for some 25 ms may be asked. Called when a thread reads its
// clock. Cost before, and after: a load.
extern std::atomic<uint64_t> control_opening_tick;
inline bool is_time_for_control(uint64_t tick) { return tick >= control_opening_tick.load(std::memory_order_relaxed); }
void open_control_in_time();

// The page, nullptr where there is none.
control::ControlPage* control_page();

// The process ends, or confines itself: nobody can ask any more. reopen_control(): it lives on.
void close_control();
void reopen_control();

// In a forked child: its parent's page is not its own; it makes one as its parent did.
void control_reset_after_fork();

}  // namespace weir::runtime
