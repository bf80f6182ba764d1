#include "runtime/process_seccomp.h"

#include <linux/seccomp.h>

#include "core/clock.h"
#include "core/system_call.h"
#include "leak/trace_helper.h"
#include "runtime/control_opening.h"
#include "runtime/host_symbols.h"
#include "runtime/parking_signal.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_signals.h"
#include "runtime/seccomp_filter.h"
#include "runtime/waking.h"

namespace weir::runtime {
namespace {

// Programs probe the kernel with a filter that is not there: that installs nothing.
bool confines_by_prctl(int option, unsigned long mode, unsigned long filter) {
  if (option != PR_SET_SECCOMP) return false;
  return mode == SECCOMP_MODE_STRICT || (mode == SECCOMP_MODE_FILTER && filter != 0);
}

bool confines_by_system_call(long number, long operation, long filter) {
  if (number != SYS_seccomp) return false;
  return operation == SECCOMP_SET_MODE_STRICT || (operation == SECCOMP_SET_MODE_FILTER && filter != 0);
}

bool tracking() { return process_stage.load(std::memory_order_acquire) == Stage::tracking; }

const void* as_pointer(unsigned long value) { return reinterpret_cast<const void*>(value); }

// `filter` is nullptr for the strict mode.
template <class Call>
long confine(const void* filter, const Call& call) {
  if (!tracking() || system_calls_restricted() || !is_own_process()) return call();
  if (filter != nullptr && !may_kill(filter)) return call();
  early_end("seccomp");
  close_control();
  remove_signal_handlers();
  give_up_parking();
  core::process_confined.store(true, std::memory_order_release);  // before: the filter may bind all threads at once
  const long result = call();
  if (result < 0) {
    core::process_confined.store(false, std::memory_order_release);
    undo_early_end();
    reopen_control();
    install_signal_handlers();
    choose_parking_signal();
    publish_waking();
  }
  return result;
}

// A call after which reading the time-stamp counter would kill the program: the strict mode forbids it too.
template <class Call>
long without_clock(const Call& call) {
  core::stop_clock();
  const long result = call();
  if (result < 0) core::start_clock();
  return result;
}

long set_counter_access(unsigned long access) {
  const auto call = [&] { return static_cast<long>(host_prctl()(PR_SET_TSC, access, 0, 0, 0)); };
  if (access == PR_TSC_SIGSEGV) return without_clock(call);
  const long result = call();
  if (result >= 0) core::start_clock();
  return result;
}

// Weir needs the place for a moment, and puts this back (leak/trace_helper.h).
long set_tracer(unsigned long tracer, unsigned long b, unsigned long c, unsigned long d) {
  const long result = host_prctl()(PR_SET_PTRACER, tracer, b, c, d);
  if (result >= 0) leak::program_tracer.store(tracer, std::memory_order_relaxed);
  return result;
}

}  // namespace

long run_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  const auto call = [&] { return static_cast<long>(host_prctl()(option, a, b, c, d)); };
  if (option == PR_SET_TSC) return set_counter_access(a);
  if (option == PR_SET_PTRACER) return set_tracer(a, b, c, d);
  if (!confines_by_prctl(option, a, b)) [[likely]]
    return host_prctl()(option, a, b, c, d);
  return confine(a == SECCOMP_MODE_STRICT ? nullptr : as_pointer(b),
                 [&] { return a == SECCOMP_MODE_STRICT ? without_clock(call) : call(); });
}

long run_syscall(long number, long a, long b, long c, long d, long e, long f) {
  const auto call = [&] { return host_syscall()(number, a, b, c, d, e, f); };
  if (!confines_by_system_call(number, a, c)) [[likely]]
    return host_syscall()(number, a, b, c, d, e, f);
  return confine(a == SECCOMP_SET_MODE_STRICT ? nullptr : as_pointer(static_cast<unsigned long>(c)),
                 [&] { return a == SECCOMP_SET_MODE_STRICT ? without_clock(call) : call(); });
}

}  // namespace weir::runtime
