#include "leak/trace_helper.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "core/file_text.h"
#include "core/system_call.h"
#include "leak/futex.h"
#include "leak/thread_table.h"

namespace weir::leak {

constinit std::atomic<unsigned long> program_tracer{0};

namespace {

constexpr size_t kStackBytes = size_t{64} << 10;

// ---- In the helper: raw system calls only; its thread-local memory is the stopper's.

long trace(long request, int tid, long address, const void* data) {
  return core::system_call(SYS_ptrace, request, tid, address, core::as_argument(data));
}

// In the order of StoppedThread::registers.
void copy_registers(const user_regs_struct& from, StoppedThread* thread) {
  const unsigned long long ordered[kGeneralRegisters] = {
      from.r8,  from.r9,  from.r10, from.r11, from.r12, from.r13, from.r14, from.r15,
      from.rdi, from.rsi, from.rbp, from.rbx, from.rdx, from.rax, from.rcx, from.rsp,
  };
  for (size_t i = 0; i < kGeneralRegisters; ++i) thread->registers[i] = ordered[i];
  thread->stack_pointer = from.rsp;
  thread->thread_pointer = from.fs_base;
}

// A few calls end early, with EINTR, where nothing but the tracer has interrupted them. The kernel then makes them anew, unless a handler
// of the program's comes first.
void let_call_go_on(int tid, user_regs_struct* general) {
  constexpr long kAgainIfNoHandler = -514;  // ERESTARTNOHAND, of the kernel's own headers
  if (static_cast<long>(general->orig_rax) < 0 || static_cast<long>(general->rax) != -EINTR) return;
  general->rax = static_cast<unsigned long long>(kAgainIfNoHandler);
  const iovec piece{general, sizeof *general};
  trace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &piece);
}

bool read_registers(StoppedThread* thread, void* extended, size_t extended_bytes, bool is_signal_due) {
  user_regs_struct general{};
  iovec piece{&general, sizeof general};
  if (core::failed(trace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &piece))) return false;
  copy_registers(general, thread);
  if (!is_signal_due) let_call_go_on(thread->tid, &general);  // guard: traced-call
  piece = {extended, extended_bytes};
  const bool has_extended = !core::failed(trace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &piece));
  thread->extended = has_extended ? extended : nullptr;
  thread->extended_bytes = has_extended ? piece.iov_len & ~size_t{7} : 0;
  thread->registers_known = true;
  return true;
}

// A signal may be the first thing at which the thread stops; it gets it when it goes on.
uint32_t signal_at(int status) { return (status >> 16) == 0 ? static_cast<uint32_t>(WSTOPSIG(status)) : 0; }

// The state that the entry has then.
ThreadState begin_tracing(int tid) {
  const long seized = trace(PTRACE_SEIZE, tid, 0, nullptr);
  if (seized == -ESRCH) return ThreadState::fresh;
  if (core::failed(seized)) return ThreadState::trace_failed;
  return core::failed(trace(PTRACE_INTERRUPT, tid, 0, nullptr)) ? ThreadState::fresh : ThreadState::being_traced;
}

void let_go_on(const ThreadEntry& entry) {
  core::system_call(SYS_ptrace, PTRACE_DETACH, entry.thread.tid, 0, static_cast<long>(entry.signal_to_deliver));
}

bool program_may_need_leave() {
  char scope[8];
  return core::read_whole("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof scope) == 0 || scope[0] != '0';
}

bool set_tracer(unsigned long pid) {
  return !core::failed(core::system_call(SYS_prctl, PR_SET_PTRACER, static_cast<long>(pid), 0, 0, 0));
}

}  // namespace

// True where the thread has yet to stop.
bool TraceHelper::serve_entry(size_t index) {
  ThreadEntry& entry = (*table_)[index];
  switch (entry.state.load(std::memory_order_acquire)) {
    case ThreadState::wants_trace: {
      const ThreadState begun = begin_tracing(entry.thread.tid);
      entry.state.store(begun, std::memory_order_release);
      return begun == ThreadState::being_traced;
    }
    case ThreadState::being_traced:
      return !look_for_stop(index);
    case ThreadState::let_go:
      let_go_on(entry);
      entry.state.store(ThreadState::busy, std::memory_order_release);
      return false;
    default:
      return false;
  }
}

bool TraceHelper::look_for_stop(size_t index) {
  ThreadEntry& entry = (*table_)[index];
  int status = 0;
  const long result = core::system_call(SYS_wait4, entry.thread.tid, core::as_argument(&status), __WALL | WNOHANG, 0);
  if (result == 0) return false;
  ThreadState before = ThreadState::being_traced;
  if (core::failed(result) || !WIFSTOPPED(status))
    return entry.state.compare_exchange_strong(before, ThreadState::fresh);
  entry.signal_to_deliver = signal_at(status);
  if (!entry.state.compare_exchange_strong(before, ThreadState::answering)) {
    let_go_on(entry);  // too late
    return true;
  }
  const bool known =
      read_registers(&entry.thread, table_->extended_of(index), table_->extended_bytes(), entry.signal_to_deliver != 0);
  entry.state.store(known ? ThreadState::traced : ThreadState::trace_failed, std::memory_order_release);
  table_->tell_stopper();
  return true;
}

void TraceHelper::let_all_go() {
  for (size_t i = 0; i < table_->size(); ++i) {
    const ThreadEntry& entry = (*table_)[i];
    const ThreadState state = entry.state.load(std::memory_order_acquire);
    if (state == ThreadState::traced || state == ThreadState::traced_for_good || state == ThreadState::let_go)
      let_go_on(entry);
  }
}

// Nothing is left behind where it is killed, or this process is: the kernel lets traced threads go on when their tracer ends.
void TraceHelper::serve() {
  constexpr uint64_t kIdleNs = 100'000'000;
  constexpr uint64_t kLookNs = 30'000;
  core::system_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  while (work_.load(std::memory_order_acquire) == 0) wait_while(work_, 0, kIdleNs);  // it may not trace yet
  while (!is_over_.load(std::memory_order_acquire)) {
    const uint32_t seen = work_.load(std::memory_order_acquire);
    size_t yet_to_stop = 0;
    for (size_t i = 0; i < table_->size(); ++i) yet_to_stop += serve_entry(i) ? 1 : 0;
    wait_while(work_, seen, yet_to_stop != 0 ? kLookNs : kIdleNs);
  }
  let_all_go();
}

int TraceHelper::run(void* argument) {
  static_cast<TraceHelper*>(argument)->serve();
  core::system_call(SYS_exit_group, 0);
  return 0;
}

bool TraceHelper::start(ThreadTable* table, bool with_own_memory) {
  const int error_before = errno;
  table_ = table;
  stack_ = static_cast<char*>(core::map_anonymous(kStackBytes));
  if (stack_ == nullptr) return false;
  const int shared = CLONE_FILES | CLONE_FS | CLONE_UNTRACED | (with_own_memory ? 0 : CLONE_VM);
  pid_ = clone(run, stack_ + kStackBytes, shared, this);  // and no signal at its end
  errno = error_before;
  if (pid_ < 0) {
    pid_ = 0;
    core::unmap(stack_, kStackBytes);
    return false;
  }
  is_tracer_allowed_ = program_may_need_leave() && set_tracer(static_cast<unsigned long>(pid_));
  return true;
}

void TraceHelper::look_again() {
  work_.fetch_add(1, std::memory_order_release);
  wake_all(work_);
}

bool TraceHelper::is_alive() {
  if (pid_ != 0 && core::system_call(SYS_wait4, pid_, 0, __WALL | WNOHANG, 0) != 0) pid_ = 0;
  return pid_ != 0;
}

void TraceHelper::finish() {
  constexpr uint64_t kMostNs = kNsPerSecond;
  constexpr uint64_t kLookNs = 50'000;
  is_over_.store(true, std::memory_order_release);
  look_again();
  for (Patience patience(kMostNs); is_alive() && !patience.is_over();) sleep_ns(kLookNs);
  if (is_alive()) {
    core::system_call(SYS_kill, pid_, SIGKILL);
    core::system_call(SYS_wait4, pid_, 0, __WALL, 0);
  }
  if (is_tracer_allowed_) set_tracer(program_tracer.load(std::memory_order_relaxed));
  core::unmap(stack_, kStackBytes);
}

}  // namespace weir::leak
