#include "leak/thread_stop.h"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "core/confinement.h"
#include "core/spin_lock.h"
#include "leak/task_list.h"
#include "thread_stop_fixture.h"

namespace weir::leak {
namespace {

constexpr uint64_t kValue = 0x5ca1ab1e0ddba11ULL;

TEST_F(ThreadStop, AProcessOfOneThreadHasNobodyToStop) {
  const core::Guard guard;
  const StoppedThreads stopped(guard.token(), kLimitNs);
  EXPECT_EQ(0U, stopped.size());
  EXPECT_TRUE(stopped.all_known());
  EXPECT_EQ(nullptr, stopped.why_unknown());
}

TEST_F(ThreadStop, TellsTheRegistersOfAThreadThatRuns) {
  const SpinningThread other(kValue);
  const core::Guard guard;
  const StoppedThreads stopped(guard.token(), kLimitNs);
  ASSERT_TRUE(stopped.all_known());
  const StoppedThread* thread = find(stopped, other.tid());
  ASSERT_NE(nullptr, thread);
  EXPECT_TRUE(has_in_registers(*thread, kValue));
  EXPECT_TRUE(has_in_extended(*thread, kValue));
  EXPECT_EQ(thread_pointer_of(other.tid()), thread->thread_pointer);
  const auto own = reinterpret_cast<uintptr_t>(stopped.own_memory());
  const auto entry = reinterpret_cast<uintptr_t>(thread);
  EXPECT_TRUE(entry > own && entry < own + stopped.own_memory_bytes());
}

TEST_F(ThreadStop, ACallThatWasInterruptedGoesOnAsIfNothingWere) {
  ReadingThread other;
  {
    const core::Guard guard;
    const StoppedThreads stopped(guard.token(), kLimitNs);
    ASSERT_TRUE(stopped.all_known());
    const StoppedThread* thread = find(stopped, other.tid());
    ASSERT_NE(nullptr, thread);
    EXPECT_LT(thread->stack_pointer, other.stack_place());
    EXPECT_GT(thread->stack_pointer + 65536, other.stack_place());
  }
  EXPECT_EQ(1, other.feed());
}

TEST_F(ThreadStop, TracesAThreadThatBlocksTheSignal) {
  const SpinningThread other(kValue, block_all_raw);
  ReadingThread reader(block_all_raw);
  {
    const core::Guard guard;
    const StoppedThreads stopped(guard.token(), kLimitNs);
    ASSERT_TRUE(stopped.all_known()) << stopped.why_unknown();
    const StoppedThread* thread = find(stopped, other.tid());
    ASSERT_NE(nullptr, thread);
    EXPECT_TRUE(has_in_registers(*thread, kValue));
    EXPECT_TRUE(has_in_extended(*thread, kValue));
    EXPECT_EQ(thread_pointer_of(other.tid()), thread->thread_pointer);
  }
  EXPECT_EQ(0U, pending_of(other.tid()));  // it would outlive an exec
  EXPECT_EQ(1, reader.feed());
}

TEST_F(ThreadStop, TracesAllWhereThereIsNoSignalLeft) {
  parking_signal_number = 0;
  const SpinningThread other(kValue);
  const core::Guard guard;
  const StoppedThreads stopped(guard.token(), kLimitNs);
  ASSERT_TRUE(stopped.all_known());
  EXPECT_TRUE(has_in_registers(*find(stopped, other.tid()), kValue));
}

TEST_F(ThreadStop, ATracedThreadGetsTheSignalThatStoppedIt) {
  static std::atomic<int> caught;
  caught = 0;
  signal(SIGUSR1, [](int) { ++caught; });
  {
    const SpinningThread other(kValue, [] {
      const SignalSet mask = ~bit_of(SIGUSR1);
      syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
    });
    for (int round = 0; round < 50; ++round) {
      std::thread sender([&] { tgkill(getpid(), other.tid(), SIGUSR1); });
      {
        const core::Guard guard;
        const StoppedThreads stopped(guard.token(), kLimitNs);
        EXPECT_TRUE(find(stopped, other.tid())->registers_known);
      }
      sender.join();
      while (caught <= round) usleep(100);
    }
  }
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(50, caught);
}

// Calls that answer EINTR to nothing more than a tracer's interruption.
TEST_F(ThreadStop, ATracedThreadThatWaitsGoesOnWaiting) {
  for (const bool waits_for_event : {false, true}) {
    int ends[2];
    ASSERT_EQ(0, pipe(ends));
    const int events = epoll_create1(0);
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(events, EPOLL_CTL_ADD, ends[0], &event);
    std::atomic<int> tid{0};
    int result = 0;
    std::thread other([&] {
      block_all_raw();
      tid = own_tid();
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR1);
      siginfo_t info;
      result = waits_for_event ? epoll_wait(events, &event, 1, -1) : sigwaitinfo(&set, &info);
    });
    BlockedCall call;
    while (tid == 0 || !read_blocked_call(tid, &call)) usleep(100);
    usleep(5000);
    for (int round = 0; round < 3; ++round) {
      const core::Guard guard;
      const StoppedThreads stopped(guard.token(), kLimitNs);
      EXPECT_TRUE(stopped.all_known());
    }
    usleep(5000);
    if (waits_for_event) {
      EXPECT_EQ(1, write(ends[1], "x", 1));
    } else {
      tgkill(getpid(), tid, SIGUSR1);
    }
    other.join();
    EXPECT_EQ(waits_for_event ? 1 : SIGUSR1, result);
    for (const int fd : {ends[0], ends[1], events}) close(fd);
  }
}

std::atomic<int> children_seen{0};

TEST_F(ThreadStop, NobodySeesTheHelper) {
  struct sigaction action {
  }, before;
  action.sa_handler = [](int) { ++children_seen; };
  sigaction(SIGCHLD, &action, &before);
  std::atomic<bool> over{false};
  std::atomic<int> waited{0};
  {
    const SpinningThread other(kValue, block_all_raw);
    std::thread waiter([&] {
      while (!over) {
        if (waitpid(-1, nullptr, WNOHANG) > 0) ++waited;
      }
    });
    for (int i = 0; i < 50; ++i) {
      const core::Guard guard;
      EXPECT_TRUE(StoppedThreads(guard.token(), kLimitNs).all_known());
      EXPECT_EQ(-1, waitpid(-1, nullptr, WNOHANG));
      EXPECT_EQ(ECHILD, errno);
    }
    over = true;
    waiter.join();
  }
  sigaction(SIGCHLD, &before, nullptr);
  EXPECT_EQ(0, waited);
  EXPECT_EQ(0, children_seen);
}

TEST_F(ThreadStop, SaysWhatIsUnknownWhereTracingIsDenied) {
  for (const unsigned answer : {SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_KILL_PROCESS}) {
    const int status = in_child([answer] {
      if (!answer_call(SYS_ptrace, answer)) return 1;
      const SpinningThread runs(kValue);
      ReadingThread sleeps(block_all_raw);
      {
        const core::Guard guard;
        const StoppedThreads stopped(guard.token(), kLimitNs);
        const StoppedThread* running = find(stopped, runs.tid());
        const StoppedThread* sleeping = find(stopped, sleeps.tid());
        if (running == nullptr || !has_in_registers(*running, kValue)) return 2;
        if (sleeping == nullptr || sleeping->registers_known || stopped.unknown_count() != 1) return 3;
        if (stopped.why_unknown() == nullptr) return 4;
        const uintptr_t place = sleeps.stack_place();
        if (sleeping->stack_pointer > place || sleeping->stack_pointer + 65536 < place) return 5;
        if (!has_in_registers(*sleeping, place)) return 6;  // the buffer that read() was given
        if (sleeping->thread_pointer != thread_pointer_of(sleeps.tid())) return 7;
      }
      return sleeps.feed() == 1 ? 0 : 8;
    });
    EXPECT_EQ(0, exit_of(status)) << std::hex << answer;
  }
}

TEST_F(ThreadStop, TracesWhereSendingASignalIsDenied) {
  for (const unsigned number : {SYS_tgkill, SYS_process_vm_readv, SYS_get_robust_list}) {
    const int status = in_child([number] {
      if (!answer_call(number, SECCOMP_RET_ERRNO | EPERM)) return 1;
      const SpinningThread other(kValue);
      const core::Guard guard;
      const StoppedThreads stopped(guard.token(), kLimitNs);
      return stopped.all_known() && has_in_registers(*find(stopped, other.tid()), kValue) ? 0 : 2;
    });
    EXPECT_EQ(0, exit_of(status)) << number;
  }
}

TEST_F(ThreadStop, MakesNoCallInAProcessThatConfinedItself) {
  const SpinningThread other(kValue);
  core::process_confined = true;
  const core::Guard guard;
  const StoppedThreads stopped(guard.token(), kLimitNs);
  EXPECT_FALSE(stopped.all_known());
  EXPECT_EQ(0U, stopped.size());
  EXPECT_NE(nullptr, stopped.why_unknown());
  core::process_confined = false;
}

TEST_F(ThreadStop, StopsAThreadInAHandlerOnAnAlternateStack) {
  static std::atomic<bool> over, inside;
  static char stack[1 << 16];
  over = inside = false;
  struct sigaction action {};
  action.sa_handler = [](int) {
    inside = true;
    while (!over) __builtin_ia32_pause();
  };
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR2, &action, nullptr);
  std::atomic<int> tid{0};
  std::thread other([&] {
    const stack_t alternate{stack, 0, sizeof stack};
    sigaltstack(&alternate, nullptr);
    tid = own_tid();
    raise(SIGUSR2);
  });
  while (!inside) usleep(100);
  {
    const core::Guard guard;
    const StoppedThreads stopped(guard.token(), kLimitNs);
    ASSERT_TRUE(stopped.all_known());
    const auto low = reinterpret_cast<uintptr_t>(stack);
    const uintptr_t at = find(stopped, tid)->stack_pointer;
    EXPECT_TRUE(at > low && at < low + sizeof stack);
  }
  over = true;
  other.join();
  signal(SIGUSR2, SIG_DFL);
}

// A thread that a raw clone made: fs is 0, so that whoever touches thread-local memory in it faults.
TEST_F(ThreadStop, StopsAThreadWithoutThreadLocalMemory) {
  static volatile int over;
  over = 0;
  auto* stack = static_cast<char*>(mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS;
  long result;
  register long r10 asm("r10") = 0;
  register long r8 asm("r8") = 0;
  asm volatile(
      "syscall\n"
      "testq %%rax, %%rax\n"
      "jnz 2f\n"
      "1: pause\n"
      "cmpl $0, (%%rbx)\n"
      "je 1b\n"
      "movl $60, %%eax\n"
      "xorl %%edi, %%edi\n"
      "syscall\n"
      "2:\n"
      : "=a"(result)
      : "a"(SYS_clone), "D"(flags), "S"(stack + (1 << 16)), "d"(0), "r"(r10), "r"(r8), "b"(&over)
      : "rcx", "r11", "memory");
  ASSERT_GT(result, 0);
  {
    const core::Guard guard;
    const StoppedThreads stopped(guard.token(), kLimitNs);
    EXPECT_TRUE(stopped.all_known());
    const StoppedThread* thread = find(stopped, static_cast<int>(result));
    ASSERT_NE(nullptr, thread);
    EXPECT_EQ(0U, thread->thread_pointer);
    EXPECT_TRUE(has_in_registers(*thread, reinterpret_cast<uintptr_t>(&over)));
  }
  over = 1;
  while (thread_count() > 1) usleep(100);
  munmap(stack, 1 << 16);
}

// The parent of a child of vfork's is deaf to signals until the child executes or ends.
TEST_F(ThreadStop, DoesNotWaitForTheParentOfAChildOfVfork) {
  std::atomic<int> tid{0};
  std::thread other([&] {
    tid = own_tid();
    const pid_t child = vfork();
    if (child == 0) {
      const timespec long_time{2, 0};
      syscall(SYS_nanosleep, &long_time, nullptr);
      syscall(SYS_exit_group, 0);
    }
    waitpid(child, nullptr, 0);
  });
  TaskStatus status;
  while (tid == 0 || !read_task_status(tid, &status) || status.state != 'D') usleep(100);
  {
    const auto start = std::chrono::steady_clock::now();
    const core::Guard guard;
    const StoppedThreads stopped(guard.token(), kLimitNs);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1500));
    EXPECT_EQ(1U, stopped.unknown_count());
    const StoppedThread* thread = find(stopped, tid);
    ASSERT_NE(nullptr, thread);
    EXPECT_FALSE(thread->registers_known);
    EXPECT_NE(0U, thread->stack_pointer);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(other.native_handle()), thread->thread_pointer);
  }
  other.join();  // where the signal arrives after all
}

TEST_F(ThreadStop, KeepsToItsTime) {
  const SpinningThread other(kValue);
  const core::Guard guard;
  const StoppedThreads stopped(guard.token(), 0);  // no time at all: what has not answered is unknown
  EXPECT_LE(stopped.size(), 1U);
  EXPECT_EQ(stopped.all_known(), stopped.why_unknown() == nullptr);
}

TEST_F(ThreadStop, AForkedChildStopsItsOwnThreads) {
  const SpinningThread of_parent(kValue);
  {
    const core::Guard guard;
    EXPECT_TRUE(StoppedThreads(guard.token(), kLimitNs).all_known());
  }
  EXPECT_EQ(0, exit_of(in_child([] {
              const SpinningThread other(kValue);
              const core::Guard guard;
              const StoppedThreads stopped(guard.token(), kLimitNs);
              return stopped.all_known() && stopped.size() == 1 ? 0 : 1;
            })));
}

}  // namespace
}  // namespace weir::leak
