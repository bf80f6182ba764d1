#include "runtime/process_fork.h"

#include <pthread.h>

#include "core/system_call.h"
#include "core/thread_slot.h"
#include "runtime/control_opening.h"
#include "runtime/host_symbols.h"
#include "runtime/parking_signal.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_signals.h"
#include "runtime/runtime.h"
#include "track/mapping_table.h"

namespace weir::runtime {

namespace {

// Leaves one tick that nobody's events have: the parent's before the fork are earlier, the child's later, also where
// both lie within the tick of the fork itself.
uint64_t close_parent_tick() {
  core::clock_origin_cycles -= uint64_t{2} << core::kTickShift;
  return core::current_tick() - 1;
}

void become_child() {
  ProcessFacts& own = process_facts;
  own.ppid = own.pid;
  own.pid = system_calls_restricted() ? 0 : core::current_pid();
  own.is_forked = true;
  own.is_first_process = false;
  own.start = core::read_clock_pair();
  own.start_realtime_ns = core::realtime_ns();
  own.ignore_before_tick = close_parent_tick();
}

bool tracking() { return process_stage.load(std::memory_order_acquire) == Stage::tracking; }

// Runs first in the child, before any other registered function, on its only thread.
void in_child() {
  if (!tracking()) return;
  const uint32_t locks_held = core::thread_slot.locks_held;
  become_child();
  runtime_reset_after_fork();
  track::mapping_table_reset_after_fork();
  parking_signal_reset_after_fork();
  core::thread_slot.locks_held = locks_held;  // resets take and drop locks without counting
  process_end_reset_after_fork();
  signal_handlers_reset_after_fork();
  open_control_early();
}

}  // namespace

void register_for_fork() { pthread_atfork(nullptr, nullptr, in_child); }

int run_fork_without_handlers() {
  const int pid = host__Fork()();
  if (pid == 0) in_child();
  return pid;
}

int run_daemon(int no_chdir, int no_close) {
  const int parent = facts().pid;
  const bool reported = early_end("daemon", 0);
  const int result = host_daemon()(no_chdir, no_close);
  // Back in the parent only where the fork failed; in the child the registered function has made a fresh start.
  if (reported && facts().pid == parent) undo_early_end();
  return result;
}

}  // namespace weir::runtime
