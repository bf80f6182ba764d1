#include "runtime/parking_signal.h"

#include <errno.h>
#include <signal.h>

#include <atomic>

#include "core/confinement.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "leak/parking.h"
#include "leak/parking_change.h"
#include "runtime/process.h"
#include "runtime/signal_actions.h"
#include "runtime/waking.h"

namespace weir::runtime {
namespace {

using leak::bit_of;
using leak::SignalSet;

constinit std::atomic<SignalSet> named_by_program{0};
constinit std::atomic<bool> is_moving{false};         // no mask is made to hold the signal open
constinit std::atomic<bool> may_be_held_open{false};  // a mask of some thread's, since the process's start
constinit core::SpinLock moving;
constinit std::atomic<void*> mover{nullptr};  // the thread that holds it, by its control block

SignalSet own_mask() {
  SignalSet mask = 0;
  core::system_call(SYS_rt_sigprocmask, SIG_BLOCK, 0, core::as_argument(&mask), sizeof mask);
  return mask;
}

constexpr int kFirstChoice = leak::kLastRealTime - 1;  // the last of all is what programs take that need one

bool is_free(int signal, SignalSet taken) { return (taken & bit_of(signal)) == 0 && has_default_action(signal); }

// 0 where none is left.
int choose(SignalSet taken) {
  for (int signal = kFirstChoice; signal >= leak::kFirstRealTime; --signal) {
    if (is_free(signal, taken)) return signal;
  }
  return is_free(leak::kLastRealTime, taken) ? leak::kLastRealTime : 0;
}

bool blocks_all(SignalSet mask) { return (mask & leak::kRealTimeSignals) == leak::kRealTimeSignals; }

// The one real-time signal that the mask leaves open; 0 where there is none or more than one.
SignalSet only_open(SignalSet mask) {
  const SignalSet open = leak::kRealTimeSignals & ~mask;
  return (open & (open - 1)) == 0 ? open : 0;
}

// The lock, held where no handler of the program's can run and want it too; but for one of single steps, which has it at once.
class Moving {
 public:
  Moving() {
    const SignalSet all = leak::kAllButSteps;
    core::system_call(SYS_rt_sigprocmask, SIG_SETMASK, core::as_argument(&all), core::as_argument(&mask_before_),
                      sizeof all);
    void* const self = __builtin_thread_pointer();
    is_within_ = mover.load(std::memory_order_relaxed) == self;
    if (is_within_) return;
    moving.lock();
    mover.store(self, std::memory_order_relaxed);
  }
  ~Moving() {
    if (!is_within_) {
      mover.store(nullptr, std::memory_order_relaxed);
      moving.unlock();
    }
    core::system_call(SYS_rt_sigprocmask, SIG_SETMASK, core::as_argument(&mask_before_), 0, sizeof mask_before_);
  }
  Moving(const Moving&) = delete;
  Moving& operator=(const Moving&) = delete;

 private:
  SignalSet mask_before_ = 0;
  bool is_within_ = false;
};

void hold_open_inherited() {
  const int signal = signal_to_hold_open();
  if (signal == 0) return;
  const SignalSet one = bit_of(signal);
  core::system_call(SYS_rt_sigprocmask, SIG_UNBLOCK, core::as_argument(&one), 0, sizeof one);
}

void move_to(int signal, int next) {
  is_moving.store(true, std::memory_order_seq_cst);
  leak::replace_parking_signal(signal, next, may_be_held_open.load(std::memory_order_seq_cst));
  may_be_held_open.store(false, std::memory_order_seq_cst);
  is_moving.store(false, std::memory_order_seq_cst);
}

}  // namespace

void choose_parking_signal() {
  const SignalSet mask = own_mask();
  const SignalSet named = named_by_program.fetch_or(only_open(mask), std::memory_order_relaxed) | only_open(mask);
  const int open = blocks_all(mask) ? 0 : choose(named | mask);
  leak::parking_signal_number.store(open != 0 ? open : choose(named), std::memory_order_release);
  if (blocks_all(mask)) hold_open_inherited();
}

void leave_signals_to_program(SignalSet signals) {
  named_by_program.fetch_or(signals, std::memory_order_seq_cst);
  const int signal = leak::parking_signal();
  if (signal == 0 || (signals & bit_of(signal)) == 0) return;
  if (!is_own_process()) return;
  const int error_before = errno;
  leak::block_where_held_open(signal_told_from_others());
  const WakingHeldOff held_off;
  const Moving scope;
  if (leak::parking_signal() == signal) move_to(signal, choose(named_by_program.load(std::memory_order_seq_cst)));
  errno = error_before;
}

void give_up_parking() {
  const int signal = leak::parking_signal();
  if (signal == 0 || !is_own_process()) return;
  leak::block_where_held_open(signal_told_from_others());
  const WakingHeldOff held_off;
  const Moving scope;
  if (leak::parking_signal() == signal) move_to(signal, 0);
}

void parking_signal_reset_after_fork() {
  moving.reset_after_fork();
  mover.store(nullptr, std::memory_order_relaxed);
  is_moving.store(false, std::memory_order_relaxed);
  leak::parking_reset_after_fork();
}

int signal_told_from_others() { return may_be_held_open.load(std::memory_order_acquire) ? leak::parking_signal() : 0; }

int signal_to_hold_open() {
  const int signal = leak::parking_signal();
  if (signal == 0 || is_moving.load(std::memory_order_seq_cst) || core::system_calls_restricted()) return 0;
  if (may_be_held_open.load(std::memory_order_acquire)) return signal;
  if (!is_own_process()) return 0;
  const Moving scope;
  if (leak::parking_signal() != signal || !leak::install_parking_handler(signal)) return 0;
  may_be_held_open.store(true, std::memory_order_release);
  return signal;
}

int signal_with_handler(bool at_start) {
  const int signal = leak::parking_signal();
  if (signal == 0 || core::system_calls_restricted() || !is_own_process()) return 0;
  const Moving scope;
  return leak::parking_signal() == signal && leak::install_parking_handler(signal, at_start) ? signal : 0;
}

void follow_to_alternate_stacks() {
  const int signal = leak::parking_signal();
  if (signal != 0 && !core::system_calls_restricted() && leak::has_parking_handler(signal)) signal_with_handler();
}

TrueMask::TrueMask() : signal_(core::system_calls_restricted() ? 0 : signal_told_from_others()) {
  if (!leak::block_where_held_open(signal_)) signal_ = 0;  // guard: true-mask
}

TrueMask::~TrueMask() {
  if (signal_ != 0) leak::hold_open_again(signal_);
}

}  // namespace weir::runtime
