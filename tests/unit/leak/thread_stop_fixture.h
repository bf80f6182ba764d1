// What the tests of the safe point share.
#pragma once

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "core/guard.h"
#include "leak/parking.h"
#include "leak/task_status.h"
#include "leak/thread_stop.h"

namespace weir::leak {

inline constexpr int kTestSignal = 63;
inline constexpr uint64_t kLimitNs = 5'000'000'000;

inline int own_tid() { return static_cast<int>(syscall(SYS_gettid)); }

// By the kernel: nothing of the library's stands between.
inline void block_all_raw() {
  const SignalSet all = ~SignalSet{0};
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all);
}

inline SignalSet pending_of(int tid) {
  char path[64], text[4096] = {};
  snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
  FILE* file = fopen(path, "r");
  if (file == nullptr) return 0;
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  const char* line = strstr(text, "\nSigPnd:");
  return line == nullptr ? 0 : strtoull(line + 8, nullptr, 16);
}

// A thread that spins with `value` in a general and in a vector register, and nowhere else, until told to end.
class SpinningThread {
 public:
  explicit SpinningThread(uint64_t value, const std::function<void()>& before = {}) {
    thread_ = std::thread([this, value, before] {
      if (before) before();
      tid_ = own_tid();
      spin(~value);
    });
    while (tid_ == 0) usleep(100);
  }
  ~SpinningThread() {
    over_ = 1;
    thread_.join();
  }
  int tid() const { return tid_; }

 private:
  __attribute__((noinline)) void spin(uint64_t complement) {
    asm volatile(
        "notq %0\n"
        "movq %0, %%xmm11\n"
        "movq %0, %%r13\n"
        "notq %0\n"
        "1: pause\n"
        "cmpl $0, (%1)\n"
        "je 1b\n"
        : "+r"(complement)
        : "r"(&over_)
        : "r13", "xmm11", "memory", "cc");
  }

  std::thread thread_;
  std::atomic<int> tid_{0};
  volatile int over_ = 0;
};

// A thread that sleeps in read() until it is fed.
class ReadingThread {
 public:
  explicit ReadingThread(const std::function<void()>& before = {}) {
    EXPECT_EQ(0, pipe(ends_));
    thread_ = std::thread([this, before] {
      if (before) before();
      tid_ = own_tid();
      char byte = 0;
      stack_place_ = reinterpret_cast<uintptr_t>(&byte);
      result_ = read(ends_[0], &byte, 1);
    });
    BlockedCall call;
    while (tid_ == 0 || !read_blocked_call(tid_, &call) || call.arguments[0] != static_cast<uint64_t>(ends_[0]))
      usleep(100);
  }
  ~ReadingThread() {
    if (thread_.joinable()) feed();
    close(ends_[0]);
    close(ends_[1]);
  }
  int tid() const { return tid_; }
  int descriptor() const { return ends_[0]; }
  uintptr_t stack_place() const { return stack_place_; }
  // What read() answered.
  ssize_t feed() {
    EXPECT_EQ(1, write(ends_[1], "x", 1));
    thread_.join();
    return result_;
  }

 private:
  int ends_[2] = {};
  std::thread thread_;
  std::atomic<int> tid_{0};
  std::atomic<uintptr_t> stack_place_{0};
  ssize_t result_ = -1;
};

inline const StoppedThread* find(const StoppedThreads& stopped, int tid) {
  for (size_t i = 0; i < stopped.size(); ++i) {
    if (stopped[i].tid == tid) return &stopped[i];
  }
  return nullptr;
}

inline bool has_in_registers(const StoppedThread& thread, uint64_t value) {
  for (const uint64_t word : thread.registers) {
    if (word == value) return true;
  }
  return false;
}

inline bool has_in_extended(const StoppedThread& thread, uint64_t value) {
  const auto* words = static_cast<const uint64_t*>(thread.extended);
  for (size_t i = 0; words != nullptr && i < thread.extended_bytes / sizeof *words; ++i) {
    if (words[i] == value) return true;
  }
  return false;
}

// Answers a system call with `action` (SECCOMP_RET_...), in all threads begun after.
inline bool answer_call(unsigned number, unsigned action) {
  sock_filter instructions[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, instructions};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

class ThreadStop : public testing::Test {
 protected:
  void SetUp() override { parking_signal_number = kTestSignal; }
  void TearDown() override { parking_signal_number = 0; }

  // Runs `body`, which answers with an exit status, in a process of its own. waitpid's status.
  static int in_child(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      parking_reset_after_fork();
      alarm(60);
      _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }
  static int exit_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
};

}  // namespace weir::leak
