#include "runtime/process_signals.h"

#include <signal.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstring>

#include "core/print.h"
#include "core/system_call.h"
#include "core/thread_slot.h"
#include "options/options.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
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

// The signal interrupted Weir while it held a lock on this thread: it is sent again in a moment, when the lock is free.
constexpr long kAgainNs = 200'000;
constexpr int kMostTimesAgain = 1000;
std::atomic<int> times_again{0};

bool send_again_later(int signal_number) {
  if (times_again.fetch_add(1, std::memory_order_relaxed) >= kMostTimesAgain) return false;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal_number;
  event._sigev_un._tid = core::current_tid();
  int timer = 0;
  const itimerspec once{{0, 0}, {0, kAgainNs}};
  return core::system_call(SYS_timer_create, CLOCK_MONOTONIC, core::as_argument(&event), core::as_argument(&timer)) ==
             0 &&
         core::system_call(SYS_timer_settime, timer, 0, core::as_argument(&once), 0) == 0;
}

void on_signal(int signal_number) {
  if (core::thread_slot.locks_held != 0 && !system_calls_restricted() && send_again_later(signal_number)) return;
  process_end(end_of(signal_number), kNoStatus);
  die_of(signal_number);
}

void install(int signal_number) {
  if (!has_default_action(signal_number)) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  sigaction(signal_number, &action, nullptr);
}

void remove(int signal_number) {
  struct sigaction action {};
  if (sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == on_signal)
    set_default_action(signal_number);
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
  for (const char* at = options::current().on_signal; *at != '\0';) {
    const size_t length = strcspn(at, ",");
    const char* name = strncmp(at, "SIG", 3) == 0 ? at + 3 : at;
    const size_t name_length = length - static_cast<size_t>(name - at);
    if (const NamedSignal* signal = find_signal(name, name_length)) {
      install(signal->number);
    } else if (length > 0) {
      complain(at, length);
    }
    at += length + (at[length] == ',' ? 1 : 0);
  }
}

void remove_signal_handlers() {
  if (options::current().on_signal[0] == '\0') return;
  for (const NamedSignal& signal : kSignals) remove(signal.number);
}

}  // namespace weir::runtime
