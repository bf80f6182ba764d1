#include "leak/interrupted_call.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>

namespace weir::leak {
namespace {

std::atomic<int> own_arrived{0};
std::atomic<int> others_arrived{0};
std::atomic<bool> raises_other{false};

void on_own_signal(int signal, siginfo_t*, void* context) {
  if (raises_other) raise(SIGUSR2);  // blocked meanwhile: due when this handler returns
  ++own_arrived;
  make_again(signal, static_cast<ucontext_t*>(context));
}

void on_other_signal(int) { ++others_arrived; }

// A thread in a call, to which signals are sent.
class InterruptedCall : public ::testing::Test {
 protected:
  void SetUp() override {
    own_arrived = others_arrived = 0;
    raises_other = false;
    struct sigaction own {
    }, other{};
    own.sa_sigaction = on_own_signal;
    own.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&own.sa_mask);
    sigaction(SIGUSR1, &own, nullptr);
    other.sa_handler = on_other_signal;
    other.sa_flags = SA_RESTART;
    sigaction(SIGUSR2, &other, nullptr);
    ASSERT_EQ(0, pipe(ends_));
  }
  void TearDown() override {
    for (const int fd : ends_) close(fd);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
  }

  // Runs `call` on a thread, sends it three signals while it sleeps, and then writes to the pipe. Its result, or -errno.
  int interrupted(const std::function<int()>& call, unsigned pause_us = 20'000) {
    std::atomic<int> result{0};
    std::atomic<bool> is_done{false};
    std::thread thread([&] {
      const int answer = call();
      result = answer < 0 ? -errno : answer;
      is_done = true;
    });
    for (int sent = 1; sent <= 3 && !is_done; ++sent) {
      usleep(pause_us);
      pthread_kill(thread.native_handle(), SIGUSR1);
      while (own_arrived < sent && !is_done) usleep(100);
    }
    usleep(20'000);
    EXPECT_EQ(1, write(ends_[1], "x", 1));
    thread.join();
    return result;
  }

  int ends_[2]{-1, -1};
};

TEST_F(InterruptedCall, AWaitGoesOn) {
  EXPECT_EQ(1, interrupted([&] {
              pollfd input{ends_[0], POLLIN, 0};
              return poll(&input, 1, -1);
            }));
  EXPECT_EQ(3, own_arrived);
}

TEST_F(InterruptedCall, AWaitForEventsGoesOn) {
  const int events = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(0, epoll_ctl(events, EPOLL_CTL_ADD, ends_[0], &event));
  sigset_t none;
  sigemptyset(&none);
  EXPECT_EQ(1, interrupted([&] { return epoll_pwait(events, &event, 1, -1, &none); }));
  EXPECT_EQ(3, own_arrived);
  close(events);
}

TEST_F(InterruptedCall, AHandlerOfTheProgramsEndsIt) {
  raises_other = true;
  EXPECT_EQ(-EINTR, interrupted([&] {
    pollfd input{ends_[0], POLLIN, 0};
    return poll(&input, 1, -1);
  }));
  EXPECT_EQ(1, others_arrived);
}

TEST_F(InterruptedCall, ASignalThatIsIgnoredDoesNot) {
  raises_other = true;
  signal(SIGUSR2, SIG_IGN);
  EXPECT_EQ(1, interrupted([&] {
              pollfd input{ends_[0], POLLIN, 0};
              return poll(&input, 1, -1);
            }));
  EXPECT_EQ(3, own_arrived);
}

TEST_F(InterruptedCall, ASleepLastsAsLongAsItWasTold) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(0, interrupted(
                   [] {
                     timespec time{1, 0};
                     return nanosleep(&time, &time);
                   },
                   250'000));
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(3, own_arrived);
  EXPECT_GE(took, std::chrono::milliseconds(1000));
  EXPECT_LT(took, std::chrono::milliseconds(1600));  // not from its beginning, after the third signal
}

// Which call it was stands in a register that another function filled.
TEST_F(InterruptedCall, WhatIsNotKnownAnswersAsEver) {
  EXPECT_EQ(-EINTR, interrupted([&] {
    pollfd input{ends_[0], POLLIN, 0};
    return static_cast<int>(syscall(SYS_poll, &input, 1, -1));
  }));
}

}  // namespace
}  // namespace weir::leak
