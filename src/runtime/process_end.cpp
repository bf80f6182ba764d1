#include "runtime/process_end.h"

#include <signal.h>
#include <stdlib.h>

#include <atomic>

#include "core/guard.h"
#include "core/own_stack.h"
#include "core/print.h"
#include "core/system_call.h"
#include "leak/parking.h"
#include "runtime/control_opening.h"
#include "runtime/host_symbols.h"
#include "runtime/only_check.h"
#include "runtime/process.h"
#include "runtime/process_policy.h"
#include "runtime/process_report.h"
#include "runtime/process_symbolize.h"
#include "runtime/process_verdict.h"
#include "runtime/thread_state.h"
#include "runtime/waiting.h"

// Of the libc, behind at_quick_exit: with no module named, the function outlives every dlclose.
extern "C" int __cxa_at_quick_exit(void (*function)(void*), void* module);

namespace weir::runtime {
namespace {

enum class End : uint8_t {
  none,     // the process lives
  writing,  // one thread writes the report
  early,    // a report is written, but the process may live on
  final,
};

std::atomic<End> end_state{End::none};
std::atomic<int> quick_exit_status{kNoStatus};

constexpr size_t kKernelSignalSetBytes = 8;

// Makes this thread the writer. An early report of the process's own is taken back first: the later end knows more.
bool become_writer() {
  for (;;) {
    End seen = end_state.load(std::memory_order_acquire);
    if (seen == End::final) return false;
    if (seen == End::writing) {
      wait_a_while([] { return end_state.load(std::memory_order_acquire) != End::writing; });
      if (end_state.load(std::memory_order_acquire) == End::writing) return false;
      continue;
    }
    if (end_state.compare_exchange_strong(seen, End::writing, std::memory_order_seq_cst)) break;
  }
  return true;
}

// What the report works with takes the place of memory that a thread which ends needs no more: a process's peak is not passed.
void make_room_for_report(const core::Inside& inside) {
  const auto* state = static_cast<const ThreadState*>(core::thread_slot.state);
  if (state != nullptr) stack::forget_recent_stacks(inside, state->last_stack);
}

// WEIR_REPORT=off, or there is nothing to report.
int judge_without_report(const core::Inside& inside, int status) {
  TemporaryReport report;
  if (!report.write(inside)) return status;
  return judged_status(inside, report.path(), report.lost_count(), status, nullptr);
}

// The status that the process ends with.
int write_once(const char* how, int status, End then, bool is_last) {
  const bool is_judged = then == End::final && status != kNoStatus && is_end_judged();
  const bool is_wanted = report_wanted();
  if (!is_wanted) remove_written_report();
  if (!is_wanted && !is_judged) return status;
  core::Guard guard;
  // A signal handler may end the process in the middle of Weir's own code. The interrupted event is then like one of
  // another thread, which a report lives with; but a lock that this thread holds would be waited for for ever.
  if (!guard.entered() && core::thread_slot.locks_held != 0) {
    core::print_line("no report: the process ended in a signal handler that had interrupted Weir");
    return status;
  }
  if (guard.entered()) make_room_for_report(guard.token());
  if (!is_wanted) return judge_without_report(guard.token(), status);
  const uint64_t lost_count = write_process_report(guard.token(), how, status, is_last);
  // After an early end the report may yet be taken back: the helper would bring it to life again.
  const char* path = written_report_path();
  if (then != End::final || path == nullptr) return status;
  if (is_judged && lost_count > 0) return judged_status(guard.token(), path, lost_count, status, path);
  start_symbolizer(guard.token(), path);
  return status;
}

bool tracking() { return process_stage.load(std::memory_order_acquire) == Stage::tracking; }

// `status` becomes the one that the process ends with.
bool end_with_report(const char* how, int* status, End then, bool is_last) {
  if (!tracking() || system_calls_restricted() || !is_own_process()) return false;
  const SignalsBlocked signals_blocked;
  if (!become_writer()) return false;
  OnlyCheck::wait_for_end();  // guard: end-waits
  if (then == End::final && has_control()) close_control();
  const auto write = [&] { *status = write_once(how, *status, then, is_last); };
  if (core::thread_slot.locks_held != 0) {  // by what a handler interrupted: to map a stack may take the same lock
    write();
  } else {
    core::run_on_own_stack(write);  // guard: end-stack
  }
  end_state.store(then, std::memory_order_release);
  return true;
}

// Another status than the program's is had by ending once more, from within: the libc goes on with what is left to be done at an exit,
// functions that were registered before Weir's and its streams, and ends with the status that it was told last.
void at_exit(int status, void*) {
  const int own = status & 0xff;
  const int judged = process_end("exit", own);
  if (judged != own) exit(judged);
}

void at_quick_exit_end(void*) {
  const int own = quick_exit_status.load(std::memory_order_relaxed);
  const int judged = process_end("quick_exit", own);
  if (judged != own) host_quick_exit()(judged);
}

}  // namespace

SignalsBlocked::SignalsBlocked(uint64_t left_open) {
  const int parking = leak::parking_signal();  // a thread that waits for its turn can be stopped
  const uint64_t all = ~(left_open | (parking == 0 ? 0 : leak::bit_of(parking)));
  core::system_call(SYS_rt_sigprocmask, SIG_SETMASK, core::as_argument(&all), core::as_argument(&before_),
                    kKernelSignalSetBytes);
}

SignalsBlocked::~SignalsBlocked() {
  core::system_call(SYS_rt_sigprocmask, SIG_SETMASK, core::as_argument(&before_), 0, kKernelSignalSetBytes);
}

int process_end(const char* how, int status) {
  end_with_report(how, &status, End::final, /*is_last=*/true);
  return status;
}

int process_end_by_check(int status) {
  end_with_report("leak check", &status, End::final, /*is_last=*/false);
  return status;
}

bool early_end(const char* how, int status) { return end_with_report(how, &status, End::early, /*is_last=*/false); }

bool is_ending() { return end_state.load(std::memory_order_seq_cst) != End::none; }

void undo_early_end() {
  remove_written_report();
  end_state.store(End::none, std::memory_order_release);
}

void note_quick_exit(int status) { quick_exit_status.store(status & 0xff, std::memory_order_relaxed); }

void register_for_end() {
  // Functions of on_exit and of __cxa_atexit without a module run in one list, last registered first: this one,
  // registered before main's own exit functions and before the loader's finaliser, runs after them all. on_exit tells
  // the status.
  on_exit(at_exit, nullptr);
  __cxa_at_quick_exit(at_quick_exit_end, nullptr);
}

void process_end_reset_after_fork() {
  end_state.store(End::none, std::memory_order_relaxed);
  process_report_reset_after_fork();
  process_verdict_reset_after_fork();
}

}  // namespace weir::runtime
