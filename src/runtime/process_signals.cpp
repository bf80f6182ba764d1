#include "runtime/process_signals.h"

#include <signal.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstring>

#include "core/print.h"
#include "core/system_call.h"
#include "core/thread_slot.h"
#include "leak/interrupted_call.h"
#include "options/options.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_snapshot.h"
#include "runtime/signal_actions.h"

namespace weir::runtime {
namespace {

struct NamedSignal {
  const char* name;  // as the option has it
  int number;
  const char* end;  // as the report has it
};

constexpr NamedSignal kSignals[] = {
    {"TERM", SIGTERM, "signal TERM"}, {"INT", SIGINT, "signal INT"},    {"HUP", SIGHUP, "signal HUP"},
    {"USR1", SIGUSR1, "signal USR1"}, {"USR2", SIGUSR2, "signal USR2"}, {"QUIT", SIGQUIT, "signal QUIT"},
};

const char* end_of(int signal_number) {
  for (const NamedSignal& signal : kSignals) {
    if (signal.number == signal_number) return signal.end;
  }
  return "signal";
}

void die_of(int signal_number) {
  set_default_action(signal_number);
  unblock_signal(signal_number);
  raise_signal(signal_number);
}

// The signal interrupted Weir in what it must end first: it is sent again in a moment.
constexpr long kAgainNs = 200'000;
constexpr int kMostTimesAgain = 1000;

// Of one signal. The kernel's timer is made at the first need of it.
class Again {
 public:
  // Whether it is this timer's, not another's that sends the same signal.
  bool has_sent(const siginfo_t* info) const { return info->si_code == SI_TIMER && info->si_value.sival_ptr == this; }
  bool send(int signal_number) {
    if (times_.fetch_add(1, std::memory_order_relaxed) >= kMostTimesAgain) return false;
    if (timer_.load(std::memory_order_relaxed) == kNone && !make(signal_number)) return false;
    const itimerspec once{{0, 0}, {0, kAgainNs}};
    return core::system_call(SYS_timer_settime, timer_.load(std::memory_order_relaxed), 0, core::as_argument(&once),
                             0) == 0;
  }
  void forget_times() { times_.store(0, std::memory_order_relaxed); }
  void reset_after_fork() { timer_.store(kNone, std::memory_order_relaxed); }

 private:
  static constexpr int kNone = -1;

  bool make(int signal_number) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = signal_number;
    event.sigev_value.sival_ptr = this;
    int timer = kNone;
    if (core::system_call(SYS_timer_create, CLOCK_MONOTONIC, core::as_argument(&event), core::as_argument(&timer)) != 0)
      return false;
    timer_.store(timer, std::memory_order_relaxed);
    return true;
  }

  std::atomic<int> times_{0};
  std::atomic<int> timer_{kNone};
};
constinit Again end_again, snapshot_again;

bool is_inside_change() { return core::thread_slot.locks_held != 0 || core::thread_slot.moving_blocks != 0; }

void on_signal(int signal_number, siginfo_t*, void* context) {
  if (is_inside_change() && !system_calls_restricted() && end_again.send(signal_number)) return;
  const core::InPlaceOf interrupted(context);
  process_end(end_of(signal_number), kNoStatus);
  die_of(signal_number);
}

void on_snapshot_signal(int signal_number, siginfo_t* info, void* context) {
  const core::InPlaceOf interrupted(context);
  if (!snapshot_again.has_sent(info)) {
    snapshot_again.forget_times();
    ask_snapshot();
  }
  if (!write_asked_snapshot()) snapshot_again.send(signal_number);
  leak::make_again(signal_number, static_cast<ucontext_t*>(context));
}

using Handler = void (*)(int, siginfo_t*, void*);

void install(int signal_number, Handler handler) {
  if (!has_default_action(signal_number)) return;
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigfillset(&action.sa_mask);
  sigaction(signal_number, &action, nullptr);
}

void remove(int signal_number) {
  struct sigaction action {};
  if (sigaction(signal_number, nullptr, &action) != 0 || (action.sa_flags & SA_SIGINFO) == 0) return;
  if (action.sa_sigaction == on_signal || action.sa_sigaction == on_snapshot_signal) set_default_action(signal_number);
}

const NamedSignal* find_signal(const char* name, size_t length) {
  for (const NamedSignal& signal : kSignals) {
    if (strlen(signal.name) == length && memcmp(signal.name, name, length) == 0) return &signal;
  }
  return nullptr;
}

void complain(const char* name, size_t length) {
  char line[256];
  core::TextBuffer(line)
      .text("WEIR_ON_SIGNAL: '")
      .text(name, length)
      .text("' is none of TERM, INT, HUP, USR1, USR2, QUIT; it is left out");
  core::print_line(line);
}

}  // namespace

void install_signal_handlers() {
  if (options::snapshot_signal() != 0) install(options::snapshot_signal(), on_snapshot_signal);
  for (const char* at = options::current().on_signal; *at != '\0';) {
    const size_t length = strcspn(at, ",");
    const char* name = strncmp(at, "SIG", 3) == 0 ? at + 3 : at;
    const size_t name_length = length - static_cast<size_t>(name - at);
    if (const NamedSignal* signal = find_signal(name, name_length)) {
      install(signal->number, on_signal);
    } else if (length > 0) {
      complain(at, length);
    }
    at += length + (at[length] == ',' ? 1 : 0);
  }
}

void remove_signal_handlers() {
  if (options::current().on_signal[0] == '\0' && options::snapshot_signal() == 0) return;
  for (const NamedSignal& signal : kSignals) remove(signal.number);
}

void signal_handlers_reset_after_fork() {
  end_again.reset_after_fork();
  snapshot_again.reset_after_fork();
  forget_asked_snapshot();
}

}  // namespace weir::runtime
