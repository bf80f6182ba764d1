// Actions for signals, waiting for them, and executing programs: the part of signal_masks.h that changes no mask.
#include <errno.h>
#include <sys/signalfd.h>

#include "core/system_call.h"
#include "leak/parking.h"
#include "leak/parking_change.h"
#include "runtime/host_symbols.h"
#include "runtime/parking_signal.h"
#include "runtime/process.h"
#include "runtime/signal_masks.h"
#include "runtime/waking.h"

namespace weir::runtime {
namespace {

using leak::bit_of;
using leak::SignalSet;

SignalSet real_time_of(const sigset_t* set) {
  return *reinterpret_cast<const SignalSet*>(set) & leak::kRealTimeSignals;
}

bool is_real_time(int signal) { return signal >= leak::kFirstRealTime && signal <= leak::kLastRealTime; }
bool is_parking(int signal) { return signal != 0 && signal == leak::parking_signal(); }

// Setting the default action names a signal no more than a loop over all of them does; anything else is a use of it. `call` is the
// libc's function, which answers with what was there before: so it must meet the program's own action.
template <class Call>
auto change_action(int signal, bool to_default, const Call& call) {
  if (!to_default && is_real_time(signal)) leave_signals_to_program(bit_of(signal));
  if (!is_parking(signal)) return call();
  if (!leak::has_parking_handler(signal)) return call();
  if (!is_own_process()) {  // a child of vfork's: its actions are its own
    leak::remove_parking_handler(signal);
    return call();
  }
  struct Context {
    const Call& call;
    decltype(call()) result;
  } context{call, {}};
  const WakingHeldOff held_off;
  leak::with_program_action(
      signal,
      [](void* given) {
        auto* in = static_cast<Context*>(given);
        in->result = in->call();
      },
      &context);
  return context.result;
}

void fill_with_program_action(struct sigaction* action) {
  const leak::KernelAction program = leak::program_action();
  action->sa_handler = SIG_DFL;
  action->sa_flags = static_cast<int>(program.flags);
  *reinterpret_cast<SignalSet*>(&action->sa_mask) = program.mask;
  action->sa_restorer = reinterpret_cast<void (*)()>(program.restorer);
}

// The mask of a handler may be the one that would be taken for another while it runs.
void leave_what_is_named(const sigset_t& mask) {
  const int parking = leak::parking_signal();
  if (leak::names_signal(real_time_of(&mask), parking)) leave_signals_to_program(bit_of(parking));
}

// Who waits for signals is to get what others send, and nothing of Weir's.
void leave_what_is_waited_for(const sigset_t* set) {
  if (set != nullptr && leak::parking_signal() != 0) leave_signals_to_program(real_time_of(set));  // guard: waited-for
}

}  // namespace

int run_sigaction(int signal, const struct sigaction* action, struct sigaction* old) {
  const auto call = [&] { return host_sigaction()(signal, action, old); };
  if (action != nullptr) {
    leave_what_is_named(action->sa_mask);
    const bool is_on_alternate_stack = (action->sa_flags & SA_ONSTACK) != 0;
    const int result = change_action(signal, action->sa_handler == SIG_DFL, call);
    if (result == 0 && is_on_alternate_stack && is_own_process()) follow_to_alternate_stacks();
    return result;
  }
  if (!is_parking(signal) || !leak::has_parking_handler(signal)) return call();
  if (old != nullptr) fill_with_program_action(old);
  return 0;
}

sighandler_t run_signal(sighandler_t (*set)(int, sighandler_t), int signal, sighandler_t handler) {
  return change_action(signal, handler == SIG_DFL, [&] { return set(signal, handler); });
}

// It changes the mask too, inside the libc.
sighandler_t run_sigset(int signal, sighandler_t disposition) {
  if (is_real_time(signal)) give_up_parking();
  return host_sigset()(signal, disposition);
}

int run_sigignore(int signal) {
  return change_action(signal, false, [&] { return host_sigignore()(signal); });
}

int run_siginterrupt(int signal, int interrupt) {
  return change_action(signal, false, [&] { return host_siginterrupt()(signal, interrupt); });
}

int run_sigwait(const sigset_t* set, int* signal) {
  leave_what_is_waited_for(set);
  return host_sigwait()(set, signal);
}

int run_sigwaitinfo(const sigset_t* set, siginfo_t* info) {
  leave_what_is_waited_for(set);
  return host_sigwaitinfo()(set, info);
}

int run_sigtimedwait(const sigset_t* set, siginfo_t* info, const timespec* timeout) {
  leave_what_is_waited_for(set);
  return host_sigtimedwait()(set, info, timeout);
}

int run_signalfd(int fd, const sigset_t* set, int flags) {
  leave_what_is_waited_for(set);
  return host_signalfd()(fd, set, flags);
}

int run_posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                    const posix_spawnattr_t* attributes, char* const* argv, char* const* environment) {
  const TrueMask mask;
  return host_posix_spawn()(pid, path, actions, attributes, argv, environment);
}

int run_posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                     const posix_spawnattr_t* attributes, char* const* argv, char* const* environment) {
  const TrueMask mask;
  return host_posix_spawnp()(pid, file, actions, attributes, argv, environment);
}

int run_system(const char* command) {
  const TrueMask mask;
  return host_system()(command);
}

FILE* run_popen(const char* command, const char* mode) {
  const TrueMask mask;
  return host_popen()(command, mode);
}

int run_wordexp(const char* words, wordexp_t* expansion, int flags) {
  const TrueMask mask;
  return host_wordexp()(words, expansion, flags);
}

}  // namespace weir::runtime
