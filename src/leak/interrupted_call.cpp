#include "leak/interrupted_call.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include <cstdint>
#include <cstring>

#include "core/system_call.h"
#include "leak/signal_set.h"

namespace weir::leak {
namespace {

constexpr uint16_t kSystemCall = 0x050f;  // the instruction
constexpr uint8_t kMoveToEax = 0xb8;      // followed by the number, four bytes
constexpr uint32_t kMoveToEdi =
    0x24'7c'8b;  // mov N(%rsp), %edi, followed by N, one byte: some calls of the libc's have it in between
constexpr uintptr_t kPageBytes = 4096;
constexpr int kNone = -1;

template <class T>
T read_at(uintptr_t address) {
  T value;
  memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);
  return value;
}

bool is_on_page_of(uintptr_t address, uintptr_t other) { return address / kPageBytes == other / kPageBytes; }

// The kernel does not leave the number behind: it is what the instructions in front of the call put into eax. kNone where they do not.
int number_before(uintptr_t call) {
  constexpr uintptr_t kMoveBytes = 5, kMoveToEdiBytes = 4;
  uintptr_t at = call - kMoveBytes;
  if (!is_on_page_of(at, call)) return kNone;
  if (read_at<uint8_t>(at) == kMoveToEax) return read_at<int>(at + 1);
  at -= kMoveToEdiBytes;
  if (!is_on_page_of(at, call) || read_at<uint8_t>(at) != kMoveToEax) return kNone;
  return (read_at<uint32_t>(at + kMoveBytes) & 0xff'ff'ffU) == kMoveToEdi ? read_at<int>(at + 1) : kNone;
}

// Calls that have done nothing where they answer EINTR: made again they do what they would have done.
bool may_be_made_again(int number) {
  switch (number) {
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_futex:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_io_getevents:
    case SYS_read:  // of a socket that has a timeout
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_accept:
    case SYS_accept4:
      return true;
    default:
      return false;
  }
}

// While they are blocked, signals wait also where nothing becomes of them.
bool is_without_effect(int signal) {
  struct {
    uintptr_t handler;
    unsigned long flags;
    uintptr_t restorer;
    SignalSet mask;
  } action{};
  core::system_call(SYS_rt_sigaction, signal, 0, core::as_argument(&action), sizeof(SignalSet));
  if (action.handler == reinterpret_cast<uintptr_t>(SIG_IGN)) return true;
  const bool is_ignored = signal == SIGCHLD || signal == SIGCONT || signal == SIGURG || signal == SIGWINCH;
  return action.handler == reinterpret_cast<uintptr_t>(SIG_DFL) && is_ignored;
}

// What is pending would end the call, and its handler comes first. A call that brings a mask of its own has the program's mask in the
// context, by which the signals that it lets through are still blocked: made again, it ends by them.
bool is_handler_due(const ucontext_t& context, int own_signal) {
  SignalSet pending = ~SignalSet{0};
  core::system_call(SYS_rt_sigpending, core::as_argument(&pending), sizeof pending);
  SignalSet mask = 0;
  memcpy(&mask, &context.uc_sigmask, sizeof mask);
  pending &= ~mask & ~bit_of(own_signal);
  for (int signal = 1; pending != 0; ++signal, pending >>= 1) {
    if ((pending & 1) != 0 && !is_without_effect(signal)) return true;
  }
  return false;
}

// Of a sleep the kernel has written down what is left, where the program gave it a place for that.
void sleep_for_the_rest(int number, greg_t* registers) {
  if (number == SYS_nanosleep && registers[REG_RSI] != 0) registers[REG_RDI] = registers[REG_RSI];
  const bool is_relative = (registers[REG_RSI] & TIMER_ABSTIME) == 0;
  if (number == SYS_clock_nanosleep && is_relative && registers[REG_R10] != 0) registers[REG_RDX] = registers[REG_R10];
}

}  // namespace

bool would_end_early(const ucontext_t& context) {
  const auto* registers = context.uc_mcontext.gregs;
  if (registers[REG_RAX] != -EINTR) return false;
  return read_at<uint16_t>(static_cast<uintptr_t>(registers[REG_RIP]) - sizeof kSystemCall) == kSystemCall;
}

void make_again(int signal, ucontext_t* context) {
  if (!would_end_early(*context)) return;
  auto* registers = context->uc_mcontext.gregs;
  const uintptr_t call = static_cast<uintptr_t>(registers[REG_RIP]) - sizeof kSystemCall;
  const int number = number_before(call);
  if (!may_be_made_again(number) || is_handler_due(*context, signal)) return;  // guard: handler-due
  sleep_for_the_rest(number, registers);
  registers[REG_RAX] = number;
  registers[REG_RIP] = static_cast<greg_t>(call);
}

}  // namespace weir::leak
