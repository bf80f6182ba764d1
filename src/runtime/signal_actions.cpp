#include "runtime/signal_actions.h"

#include <signal.h>

#include <cstddef>
#include <cstdint>

#include "core/system_call.h"

namespace weir::runtime {
namespace {

constexpr long kKernelSignalSetBytes = 8;

struct KernelSigaction {
  uintptr_t handler;
  unsigned long flags;
  uintptr_t restorer;
  uint64_t mask;
};

const uintptr_t kDefault = reinterpret_cast<uintptr_t>(SIG_DFL);
const uintptr_t kIgnore = reinterpret_cast<uintptr_t>(SIG_IGN);

uintptr_t handler_of(int signal_number) {
  KernelSigaction action{};
  core::system_call(SYS_rt_sigaction, signal_number, 0, core::as_argument(&action), kKernelSignalSetBytes);
  return action.handler;
}

}  // namespace

bool has_handler(int signal_number) {
  const uintptr_t handler = handler_of(signal_number);
  return handler != kDefault && handler != kIgnore;
}

bool has_default_action(int signal_number) { return handler_of(signal_number) == kDefault; }

void set_default_action(int signal_number) {
  const KernelSigaction action{};
  core::system_call(SYS_rt_sigaction, signal_number, core::as_argument(&action), 0, kKernelSignalSetBytes);
}

void unblock_signal(int signal_number) {
  const uint64_t one = uint64_t{1} << (signal_number - 1);
  core::system_call(SYS_rt_sigprocmask, SIG_UNBLOCK, core::as_argument(&one), 0, kKernelSignalSetBytes);
}

void raise_signal(int signal_number) {
  core::system_call(SYS_tgkill, core::current_pid(), core::current_tid(), signal_number);
}

}  // namespace weir::runtime
