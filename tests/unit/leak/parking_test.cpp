#include "leak/parking.h"

#include "leak/parking_change.h"
#include "thread_stop_fixture.h"

namespace weir::leak {
namespace {

using Parking = ThreadStop;

void set_mask_raw(SignalSet mask) { syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask); }

SignalSet mask_raw() {
  SignalSet mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &mask, sizeof mask);
  return mask;
}

TEST_F(Parking, AForeignSignalEndsTheProcessAsWithoutWeir) {
  const int status = in_child([] {
    if (!install_parking_handler(kTestSignal)) return 1;
    kill(getpid(), kTestSignal);
    usleep(100'000);
    return 2;
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(kTestSignal, WTERMSIG(status));
}

TEST_F(Parking, AForeignSignalStaysPendingWhereTheProgramBlocksIt) {
  EXPECT_EQ(0, exit_of(in_child([] {
              if (!install_parking_handler(kTestSignal)) return 1;
              set_mask_raw(kernel_mask(~SignalSet{0}, kTestSignal));
              sigval value{};
              value.sival_int = 4711;
              sigqueue(getpid(), kTestSignal, value);
              if (mask_raw() != (~SignalSet{0} & ~bit_of(SIGKILL) & ~bit_of(SIGSTOP))) return 2;
              sigset_t one;
              sigemptyset(&one);
              sigaddset(&one, kTestSignal);
              siginfo_t info{};
              const timespec second{1, 0};
              if (sigtimedwait(&one, &info, &second) != kTestSignal) return 3;
              return info.si_code == SI_QUEUE && info.si_value.sival_int == 4711 ? 0 : 4;
            })));
}

TEST_F(Parking, IsNotInstalledOverAnActionOfTheProgram) {
  EXPECT_EQ(0, exit_of(in_child([] {
              signal(kTestSignal, SIG_IGN);
              if (install_parking_handler(kTestSignal)) return 1;
              if (signal(kTestSignal, SIG_DFL) != SIG_IGN) return 2;
              if (!install_parking_handler(kTestSignal)) return 3;
              remove_parking_handler(kTestSignal);
              return signal(kTestSignal, SIG_DFL) == SIG_DFL ? 0 : 4;
            })));
}

// Where the program needs the signal itself, threads that hold it open get the mask they asked for.
TEST_F(Parking, WhereItIsReplacedEveryThreadGetsItsTrueMask) {
  EXPECT_EQ(0, exit_of(in_child([] {
              if (!install_parking_handler(kTestSignal)) return 1;
              std::vector<std::thread> threads;
              std::atomic<int> ready{0}, right{0};
              std::atomic<bool> replaced{false};
              for (int i = 0; i < 20; ++i) {
                threads.emplace_back([&, i] {
                  const SignalSet asked = i % 2 == 0 ? kRealTimeSignals : bit_of(SIGUSR1);
                  set_mask_raw(kernel_mask(asked, kTestSignal));
                  ++ready;
                  while (!replaced) usleep(100);
                  if (mask_raw() == asked) ++right;
                });
              }
              while (ready != 20) usleep(100);
              replace_parking_signal(kTestSignal, 62, true);
              replaced = true;
              for (std::thread& thread : threads) thread.join();
              if (parking_signal() != 62 || has_parking_handler(kTestSignal)) return 2;
              return right == 20 ? 0 : 3;
            })));
}

// The libc blocks all signals in a new thread, and then gives it its mask.
TEST_F(Parking, AThreadWhoseMaskIsYetToComeGetsItTrueToo) {
  EXPECT_EQ(0, exit_of(in_child([] {
              if (!install_parking_handler(kTestSignal)) return 1;
              std::atomic<bool> has_begun{false}, replaced{false};
              std::atomic<SignalSet> mask{0};
              std::thread thread([&] {
                block_all_raw();
                has_begun = true;
                const auto start = std::chrono::steady_clock::now();
                while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(20)) __builtin_ia32_pause();
                set_mask_raw(kernel_mask(kRealTimeSignals, kTestSignal));
                while (!replaced) __builtin_ia32_pause();
                mask = mask_raw();
              });
              while (!has_begun) usleep(100);
              replace_parking_signal(kTestSignal, 62, true);
              replaced = true;
              thread.join();
              return mask == kRealTimeSignals ? 0 : 2;
            })));
}

TEST_F(Parking, ASignalOfWeirsThatIsPendingIsTakenBackBeforeAnExec) {
  EXPECT_EQ(0, exit_of(in_child([] {
              if (!install_parking_handler(kTestSignal)) return 1;
              block_all_raw();
              if (ask_thread(own_tid(), kTestSignal) != 0) return 2;
              if ((pending_of(own_tid()) & bit_of(kTestSignal)) == 0) return 3;
              take_back_pending(kTestSignal);
              return pending_of(own_tid()) == 0 ? 0 : 4;
            })));
}

TEST_F(Parking, NobodyIsStoppedWhileAThreadExecutesAnotherProgram) {
  const SpinningThread other(1);
  const core::Guard guard;
  {
    const RoundsHeldOff held_off;
    const StoppedThreads stopped(guard.token(), kLimitNs);
    EXPECT_FALSE(stopped.all_known());
    EXPECT_NE(nullptr, stopped.why_unknown());
  }
  EXPECT_TRUE(StoppedThreads(guard.token(), kLimitNs).all_known());
}

}  // namespace
}  // namespace weir::leak
