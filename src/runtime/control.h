// Serves what `weir ctl` and `weir snapshot` ask of this process, on the program's own threads: after their calls of CUDA's, when they
// have allocated some blocks, and in a handler by which a sleeping one is woken (waking.h).
#pragma once

#include <atomic>
#include <cstdint>

#include "control/control_page.h"
#include "core/guard.h"
#include "cuda/control.h"
#include "runtime/process_snapshot.h"

namespace weir::runtime {

// What cuda::Settings::serve_control is set to. Makes the file at the first call, does what is asked, brings the published figures up to
// date where they are old. Outside Weir, with no lock held. At an exit, in a confined process and in a vfork child: nothing.
void serve_control();

// The same for what needs no driver and may be done inside the guard: Action::record. Called when a thread reads its clock.
void serve_control_inside(const core::Inside&);

// The same for Action::stats and Action::snapshot: in the middle of an allocation, or outside of events (take_snapshot).
void serve_snapshot(const core::Inside&);

// Whether anything is asked that was not done yet. Cost: a load where there is no file, else two.
inline bool is_control_asked() {
  const std::atomic<uint32_t>* attention = cuda::control_attention.load(std::memory_order_acquire);
  return attention != nullptr && attention->load(std::memory_order_relaxed) != 0;
}

// What an allocation serves of what was asked for meanwhile, by a command or a signal: no block is in between hands then, as in a free or a realloc.
// Cost where nothing is: is_control_asked()'s and a load.
[[gnu::always_inline]] inline void serve_at_allocation(const core::Inside& inside) {
  if (is_control_asked()) [[unlikely]]
    serve_snapshot(inside);
  if (is_snapshot_asked()) [[unlikely]]  // guard: snapshot-asked
    take_asked_snapshot(inside);
}

}  // namespace weir::runtime
