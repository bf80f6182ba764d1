#include "runtime/process_abort.h"

#include <signal.h>

#include "core/system_call.h"
#include "runtime/host_symbols.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/signal_actions.h"

namespace weir::runtime {
namespace {

bool tracking() { return process_stage.load(std::memory_order_acquire) == Stage::tracking; }

// What abort() does first: deliver SIGABRT to the program's handler. The handler may leave for good (longjmp, _exit)
// and then the process has not ended by abort. Returning from it means that it has.
void deliver_to_handler() {
  unblock_signal(SIGABRT);
  raise_signal(SIGABRT);
  set_default_action(SIGABRT);
}

// A handler of SIGABRT runs after the report: a program that survives it replaces the report at its end.
void end_by_assertion() {
  if (!tracking() || system_calls_restricted() || !is_own_process()) return;
  if (has_handler(SIGABRT)) {
    early_end("assert");
  } else {
    process_end("assert", kNoStatus);
  }
}

}  // namespace

void run_abort() {
  if (tracking() && !system_calls_restricted() && is_own_process()) {
    if (has_handler(SIGABRT)) deliver_to_handler();
    process_end("abort", kNoStatus);
  }
  host_abort()();
  __builtin_unreachable();
}

void run_assert_fail(const char* assertion, const char* file, unsigned line, const char* function) {
  end_by_assertion();
  host___assert_fail()(assertion, file, line, function);
  __builtin_unreachable();
}

void run_assert_perror_fail(int error, const char* file, unsigned line, const char* function) {
  end_by_assertion();
  host___assert_perror_fail()(error, file, static_cast<int>(line), function);
  __builtin_unreachable();
}

}  // namespace weir::runtime
