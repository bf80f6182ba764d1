#include "leak/parking.h"

#include <errno.h>
#include <signal.h>
#include <ucontext.h>

#include <cstring>

#include "core/system_call.h"
#include "core/thread_slot.h"
#include "leak/interrupted_call.h"
#include "leak/task_status.h"
#include "leak/thread_table.h"

// What a handler returns to. Unwinders know a signal's frame by these very instructions.
asm(".pushsection .text.weir_return_from_handler,\"ax\",@progbits\n"
    ".hidden weir_return_from_handler\n"
    ".globl weir_return_from_handler\n"
    ".type weir_return_from_handler, @function\n"
    "weir_return_from_handler:\n"
    "  movq $15, %rax\n"  // rt_sigreturn
    "  syscall\n"
    ".size weir_return_from_handler, . - weir_return_from_handler\n"
    ".popsection\n");
extern "C" __attribute__((visibility("hidden"))) void weir_return_from_handler();

namespace weir::leak {

constinit std::atomic<int> parking_signal_number{0};
constinit std::atomic<const Waker*> waker{nullptr};

namespace {

constexpr long kSignalSetBytes = sizeof(SignalSet);
constexpr unsigned long kHasRestorer = 0x04000000;  // SA_RESTORER of the kernel's own headers
constexpr int kReadThreadPointer = 0x1003;          // ARCH_GET_FS of asm/prctl.h

constinit std::atomic<ThreadTable*> active{nullptr};
constinit std::atomic<uint32_t> in_handler{0};  // threads in the handler, waited on when a round ends
constinit std::atomic<uint32_t> round_number{0};
constinit std::atomic<uint32_t> unanswered{0};  // signals sent that have met no handler yet
constinit std::atomic<bool> is_round_under_way{false};
constinit std::atomic<uint32_t> holding_off{0};
constinit KernelAction action_before{};

// ---- In the handler: raw system calls only. The thread may be any thread at any place; nothing thread-local is touched before the
// thread's control block is known to be one.

struct Interrupted {
  siginfo_t* info;
  ucontext_t* context;

  SignalSet& mask() const { return *reinterpret_cast<SignalSet*>(&context->uc_sigmask); }
};

// Of the signals that are on their way one has arrived. False where none was.
bool count_arrival() {
  uint32_t left = unanswered.load(std::memory_order_relaxed);
  while (left != 0 && !unanswered.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
  }
  return left != 0;
}

bool is_of_weir(const siginfo_t& info) {
  return info.si_code == SI_TKILL && info.si_pid == core::current_pid() && count_arrival();
}

bool is_wake(const siginfo_t& info) {
  return info.si_code == SI_QUEUE && reinterpret_cast<uintptr_t>(info.si_value.sival_ptr) == kWakeValue;
}

void count_wake() {
  const Waker* present = waker.load(std::memory_order_acquire);
  if (present != nullptr) present->met_count.load(std::memory_order_acquire)->fetch_add(1, std::memory_order_seq_cst);
  count_arrival();
}

uintptr_t read_thread_pointer() {
  uintptr_t pointer = 0;
  core::system_call(SYS_arch_prctl, kReadThreadPointer, core::as_argument(&pointer));
  return pointer;
}

void write_down(const Interrupted& at, uintptr_t thread_pointer, StoppedThread* thread) {
  static_assert(REG_R8 == 0 && REG_RSP == kGeneralRegisters - 1, "StoppedThread::registers has the kernel's order");
  const mcontext_t& machine = at.context->uc_mcontext;
  memcpy(thread->registers, machine.gregs, sizeof thread->registers);
  thread->stack_pointer = static_cast<uintptr_t>(machine.gregs[REG_RSP]);
  thread->thread_pointer = thread_pointer;
  thread->extended = machine.fpregs;
  thread->extended_bytes = machine.fpregs == nullptr ? 0 : extended_bytes_of(machine.fpregs);
  thread->registers_known = true;
}

constexpr uint64_t kLongWaitNs = 60 * kNsPerSecond;

void wait_until_round_is_over(uint32_t round) {
  while (round_number.load(std::memory_order_acquire) == round) wait_while(round_number, round, kLongWaitNs);
}

// What the thread does when the handler is done.
enum class Then { go_on, sleep_on };

Then park(ThreadTable& table, ThreadEntry* entry, const Interrupted& at) {
  const uintptr_t thread_pointer = read_thread_pointer();
  if (is_busy(table, thread_pointer)) {  // guard: parked-lock
    entry->state.store(ThreadState::busy, std::memory_order_release);
    table.tell_stopper();
    return Then::go_on;
  }
  const uint32_t round = table.round;
  write_down(at, thread_pointer, &entry->thread);
  entry->state.store(ThreadState::parked, std::memory_order_release);
  table.tell_stopper();
  wait_until_round_is_over(round);
  return table.keeps_sleepers.load(std::memory_order_acquire) && would_end_early(*at.context) ? Then::sleep_on
                                                                                              : Then::go_on;
}

void take_true_mask(ThreadTable& table, ThreadEntry* entry, const Interrupted& at, int signal) {
  at.mask() = program_mask(at.mask(), signal);
  entry->state.store(ThreadState::masked, std::memory_order_release);
  table.tell_stopper();
}

Then answer(int signal, const Interrupted& at) {
  ThreadTable* table = active.load(std::memory_order_seq_cst);
  ThreadEntry* entry = table == nullptr ? nullptr : table->find(core::current_tid());
  ThreadState asked = ThreadState::asked;
  if (entry == nullptr || !entry->state.compare_exchange_strong(asked, ThreadState::answering)) return Then::go_on;
  if (table->purpose() == Purpose::stop) return park(*table, entry, at);
  take_true_mask(*table, entry, at, signal);
  return Then::go_on;
}

[[noreturn]] void sleep_on() {
  for (;;) sleep_ns(kLongWaitNs);
}

void send_again(int signal, siginfo_t* info) {
  const int pid = core::current_pid();
  const int tid = core::current_tid();
  long sent = info->si_code == SI_TKILL
                  ? core::system_call(SYS_rt_tgsigqueueinfo, pid, tid, signal, core::as_argument(info))
                  : core::system_call(SYS_rt_sigqueueinfo, pid, signal, core::as_argument(info));
  if (core::failed(sent)) core::system_call(SYS_kill, pid, signal);
}

// A signal of somebody else's: what would it do without Weir?
void do_as_without_weir(int signal, const Interrupted& at) {
  if ((program_mask(at.mask(), signal) & bit_of(signal)) != 0) {  // stay pending, where the program blocks it
    at.mask() |= bit_of(signal);
    send_again(signal, at.info);
    return;
  }
  const KernelAction default_action{};  // end the process, as soon as the handler returns
  core::system_call(SYS_rt_sigaction, signal, core::as_argument(&default_action), 0, kSignalSetBytes);
  core::system_call(SYS_tgkill, core::current_pid(), core::current_tid(), signal);
}

// A thread that has a control block of the libc's has Weir's thread-local memory too.
void be_woken(const Interrupted& at) {
  count_wake();
  const uintptr_t thread_pointer = read_thread_pointer();
  const Waker* present = waker.load(std::memory_order_acquire);
  if (present == nullptr || thread_pointer == 0) return;
  if (!is_control_block(reinterpret_cast<const uintptr_t*>(thread_pointer), thread_pointer)) return;
  const core::InPlaceOf interrupted(at.context);
  present->serve();
}

void on_parking_signal(int signal, siginfo_t* info, void* context) {
  const Interrupted at{info, static_cast<ucontext_t*>(context)};
  if (is_wake(*info)) {  // not one of a round: it may begin one itself
    be_woken(at);
    make_again(signal, at.context);  // guard: made-again
    return;
  }
  in_handler.fetch_add(1, std::memory_order_seq_cst);
  Then then = Then::go_on;
  const bool is_own = is_of_weir(*info);
  if (is_own) {
    then = answer(signal, at);
  } else {
    do_as_without_weir(signal, at);
  }
  in_handler.fetch_sub(1, std::memory_order_seq_cst);
  if (then == Then::sleep_on) sleep_on();
  if (is_own) make_again(signal, at.context);
}

// ---- Outside.

KernelAction action_of(int signal) {
  KernelAction action{};
  core::system_call(SYS_rt_sigaction, signal, 0, core::as_argument(&action), kSignalSetBytes);
  return action;
}

void set_action(int signal, const KernelAction& action) {
  core::system_call(SYS_rt_sigaction, signal, core::as_argument(&action), 0, kSignalSetBytes);
}

constexpr SignalSet faults() {
  return bit_of(SIGSEGV) | bit_of(SIGBUS) | bit_of(SIGILL) | bit_of(SIGFPE) | bit_of(SIGTRAP) | bit_of(SIGABRT);
}

// A program that has its handlers of ordinary signals run on alternate stacks may run code on stacks that hold no signal's frame, as
// Go's runtime does.
bool program_handles_on_alternate_stacks() {
  for (int signal = 1; signal <= kLastRealTime; ++signal) {
    if ((faults() & bit_of(signal)) != 0) continue;
    const KernelAction action = action_of(signal);
    const bool is_function = action.handler > reinterpret_cast<uintptr_t>(SIG_IGN);
    if (is_function && (action.flags & SA_ONSTACK) != 0) return true;
  }
  return false;
}

bool is_own_handler(const KernelAction& action) {
  return action.handler == reinterpret_cast<uintptr_t>(&on_parking_signal);
}

KernelAction own_action(bool at_start) {
  KernelAction action{};
  action.handler = reinterpret_cast<uintptr_t>(&on_parking_signal);
  action.flags = SA_SIGINFO | SA_RESTART | kHasRestorer;
  if (!at_start && program_handles_on_alternate_stacks()) action.flags |= SA_ONSTACK;
  action.restorer = reinterpret_cast<uintptr_t>(&weir_return_from_handler);
  action.mask = ~SignalSet{0};  // no handler of the program's runs on a thread that is parked
  return action;
}

}  // namespace

// The kernel says in the part of the area that FXSAVE leaves free how much of it is there.
size_t extended_bytes_of(const _libc_fpstate* area) {
  constexpr uint32_t kFirstMagic = 0x46505853;
  constexpr size_t kLegacyBytes = 512;
  struct Described {
    uint32_t magic, extended_bytes;
    uint64_t features;
    uint32_t area_bytes;
  } described{};
  constexpr size_t kDescriptionAt = 464;
  memcpy(&described, reinterpret_cast<const char*>(area) + kDescriptionAt, sizeof described);
  return described.magic == kFirstMagic ? described.area_bytes : kLegacyBytes;
}

bool install_parking_handler(int signal, bool at_start) {
  const KernelAction present = action_of(signal);
  const KernelAction own = own_action(at_start);
  if (is_own_handler(present)) {
    if (present.flags != own.flags) set_action(signal, own);  // the program has got handlers on alternate stacks since
    return true;
  }
  if (present.handler != reinterpret_cast<uintptr_t>(SIG_DFL)) return false;
  action_before = present;
  set_action(signal, own);
  return is_own_handler(action_of(signal));
}

bool has_parking_handler(int signal) { return is_own_handler(action_of(signal)); }

void remove_parking_handler(int signal) {
  const bool is_awaited = unanswered.load(std::memory_order_relaxed) != 0;  // it would end the process
  if (!is_awaited && has_parking_handler(signal)) set_action(signal, action_before);
}

KernelAction program_action() { return action_before; }

namespace {

constexpr uint64_t kTurnNs = 200'000;
constexpr uint64_t kMostHeldOffNs = 50'000'000;

bool take_turn() {
  bool running = false;
  return is_round_under_way.compare_exchange_strong(running, true, std::memory_order_seq_cst);
}

}  // namespace

bool begin_round(Patience* patience) {
  Patience held_off(kMostHeldOffNs);
  for (;;) {
    if (take_turn()) {
      if (holding_off.load(std::memory_order_seq_cst) == 0) return true;  // guard: held-off
      is_round_under_way.store(false, std::memory_order_seq_cst);
      if (held_off.is_over()) return false;
    }
    if (patience->is_over()) return false;
    sleep_ns(kTurnNs);
  }
}

void publish(ThreadTable* table) {
  table->round = round_number.load(std::memory_order_relaxed);
  active.store(table, std::memory_order_seq_cst);
}

bool end_round() {
  constexpr uint64_t kMostNs = kNsPerSecond;
  constexpr uint64_t kLookNs = 50'000;
  active.store(nullptr, std::memory_order_seq_cst);
  round_number.fetch_add(1, std::memory_order_seq_cst);
  wake_all(round_number);
  Patience patience(kMostNs);
  uint32_t inside = 0;
  while ((inside = in_handler.load(std::memory_order_seq_cst)) != 0 && !patience.is_over()) sleep_ns(kLookNs);
  is_round_under_way.store(false, std::memory_order_seq_cst);
  return inside == 0;
}

long ask_thread(int tid, int signal) {
  unanswered.fetch_add(1, std::memory_order_relaxed);
  const long sent = core::system_call(SYS_tgkill, core::current_pid(), tid, signal);
  if (core::failed(sent)) unanswered.fetch_sub(1, std::memory_order_relaxed);
  return sent;
}

RoundsHeldOff::RoundsHeldOff() {
  holding_off.fetch_add(1, std::memory_order_seq_cst);
  Patience patience(kNsPerSecond);
  while (is_round_under_way.load(std::memory_order_seq_cst) && !patience.is_over()) sleep_ns(kTurnNs);
}

RoundsHeldOff::~RoundsHeldOff() { holding_off.fetch_sub(1, std::memory_order_seq_cst); }

void expect_signals(uint32_t count) { unanswered.fetch_add(count, std::memory_order_relaxed); }

void take_back_pending(int signal) {
  const SignalSet one = bit_of(signal);
  const timespec at_once{};
  siginfo_t info{};
  while (core::system_call(SYS_rt_sigtimedwait, core::as_argument(&one), core::as_argument(&info),
                           core::as_argument(&at_once), kSignalSetBytes) == signal) {
    if (is_of_weir(info)) continue;
    if (is_wake(info)) {
      count_wake();
      continue;
    }
    send_again(signal, &info);
    break;
  }
}

void parking_reset_after_fork() {
  // A thread that was about to be stopped may fork; the child has no use for the list of its parent's threads.
  ThreadTable* of_parent = active.exchange(nullptr, std::memory_order_relaxed);
  if (of_parent != nullptr) ThreadTable::destroy(of_parent);
  in_handler.store(0, std::memory_order_relaxed);
  unanswered.store(0, std::memory_order_relaxed);
  is_round_under_way.store(false, std::memory_order_relaxed);
  holding_off.store(0, std::memory_order_relaxed);
}

}  // namespace weir::leak
