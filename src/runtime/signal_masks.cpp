#include "runtime/signal_masks.h"

#include "core/system_call.h"
#include "leak/parking.h"
#include "runtime/host_symbols.h"
#include "runtime/parking_signal.h"

namespace weir::runtime {
namespace {

using leak::bit_of;
using leak::SignalSet;

// The first word is all that the kernel has.
SignalSet word_of(const sigset_t* set) { return *reinterpret_cast<const SignalSet*>(set); }

sigset_t set_of(SignalSet word) {
  sigset_t set{};
  *reinterpret_cast<SignalSet*>(&set) = word;
  return set;
}

SignalSet own_kernel_mask() {
  SignalSet mask = 0;
  core::system_call(SYS_rt_sigprocmask, SIG_BLOCK, 0, core::as_argument(&mask), sizeof mask);
  return mask;
}

SignalSet changed_mask(int how, SignalSet mask, SignalSet change) {
  switch (how) {
    case SIG_BLOCK:
      return mask | change;
    case SIG_UNBLOCK:
      return mask & ~change;
    default:
      return change;
  }
}

bool is_change(int how) { return how == SIG_BLOCK || how == SIG_UNBLOCK || how == SIG_SETMASK; }

bool is_real_time(int signal) { return signal >= leak::kFirstRealTime && signal <= leak::kLastRealTime; }

// What the program's call is to change in the kernel, so that its mask becomes `next`. Where the signal was held open and is not to be
// any more, the calling thread's mask is made true first.
SignalSet kernel_change(int how, SignalSet change, SignalSet next) {
  if (leak::blocks_all_others(next, leak::parking_signal())) {
    const int signal = signal_to_hold_open();
    return signal == 0 ? change : change & ~bit_of(signal);
  }
  const int signal = signal_told_from_others();
  if (how == SIG_UNBLOCK && leak::holds_open(own_kernel_mask(), signal)) {
    const SignalSet one = bit_of(signal);
    core::system_call(SYS_rt_sigprocmask, SIG_BLOCK, core::as_argument(&one), 0, sizeof one);
  }
  return change;
}

// `host`: sigprocmask or pthread_sigmask of the libc.
template <class Host>
int change_mask(Host host, int how, const sigset_t* set, sigset_t* old) {
  const bool concerns_parking = leak::parking_signal() != 0 && set != nullptr && is_change(how) &&
                                (how == SIG_SETMASK || (word_of(set) & leak::kRealTimeSignals) != 0);
  int result = 0;
  if (concerns_parking) {
    const SignalSet change = word_of(set);
    SignalSet next = 0;
    for (;;) {
      const SignalSet before =
          how == SIG_SETMASK ? 0 : leak::program_mask(own_kernel_mask(), signal_told_from_others());
      next = changed_mask(how, before, change);
      const int parking = leak::parking_signal();
      if (!leak::names_signal(next, parking)) break;
      leave_signals_to_program(bit_of(parking));
    }
    const sigset_t passed = set_of(kernel_change(how, change, next));
    result = host(how, &passed, old);
  } else {
    result = host(how, set, old);
  }
  if (result == 0 && old != nullptr) {
    auto* word = reinterpret_cast<SignalSet*>(old);
    *word = leak::program_mask(*word, signal_told_from_others());  // guard: mask-view
  }
  return result;
}

}  // namespace

int run_sigprocmask(int how, const sigset_t* set, sigset_t* old) {
  return change_mask(host_sigprocmask(), how, set, old);
}

int run_pthread_sigmask(int how, const sigset_t* set, sigset_t* old) {
  return change_mask(host_pthread_sigmask(), how, set, old);
}

int run_sighold(int signal) {
  if (!is_real_time(signal)) return host_sighold()(signal);
  const sigset_t one = set_of(bit_of(signal));
  return run_sigprocmask(SIG_BLOCK, &one, nullptr);
}

int run_sigrelse(int signal) {
  if (!is_real_time(signal)) return host_sigrelse()(signal);
  const sigset_t one = set_of(bit_of(signal));
  return run_sigprocmask(SIG_UNBLOCK, &one, nullptr);
}

}  // namespace weir::runtime
