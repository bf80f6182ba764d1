// The page by which `weir ctl` and `weir snapshot` reach this process: when its file is made and when it goes. What is asked there is
// answered elsewhere (control.h).
#pragma once

#include <atomic>
#include <cstdint>

#include "control/control_page.h"
#include "cuda/control.h"
#include "options/options.h"

namespace weir::runtime {

// Whether there is a page by which this process can be asked. Cost: a load.
inline bool has_control() { return cuda::control_attention.load(std::memory_order_acquire) != nullptr; }

// The page, nullptr where there is none.
control::ControlPage* control_page();

// Makes the file where there is none yet and the process may have one. Inside the guard, or with no lock held.
void open_control();

// Makes it at once where the process may be asked from its start on. Here, so that a process that may not be touches nothing for it.
inline void open_control_early() {
  if (!options::current().start) open_control();
}

// Makes it inside the guard: a process that has lived for some 25 ms may be asked. Called when a thread reads its clock. Cost before, and
// after: a load.
extern std::atomic<uint64_t> control_opening_tick;
inline bool is_time_for_control(uint64_t tick) { return tick >= control_opening_tick.load(std::memory_order_relaxed); }
void open_control_in_time();

// The process ends, or confines itself: nobody can ask any more. reopen_control(): it lives on.
void close_control();
void reopen_control();

// In a forked child: its parent's page is not its own; it makes one as its parent did.
void control_reset_after_fork();

// ---- For control.cpp ----

// One thread serves, or makes the file; others pass by. No lock of Weir's: what is asked calls the driver.
class ControlTurn {
 public:
  ControlTurn();
  ~ControlTurn();
  ControlTurn(const ControlTurn&) = delete;
  ControlTurn& operator=(const ControlTurn&) = delete;

  bool taken() const { return taken_; }

 private:
  bool taken_;
};

// Not at an exit, in a confined process, or while the thread holds a lock of CUDA's part.
bool may_serve_control();

// Whether the file may be made, but was not yet; and makes it: in the thread's turn. nullptr where it cannot be had.
bool is_control_to_be_made();
control::ControlPage* make_control_page();

// The cycle from which the page's figures are old; of the thread whose turn it is.
extern uint64_t control_figures_cycles;

}  // namespace weir::runtime
