// Makes CUDA's calls when it is told to, a line of stdin each, so that a test can speak with it by `weir ctl` in between.
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
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "must.h"

namespace {

constexpr size_t kBlockBytes = size_t{8} << 20;

void say(const std::string& line) { std::cout << line << std::endl; }

void begin() {
  MUST(cuInit(0));
  enter(0);
}

// Leaves so many blocks idle where there is a pool.
void use(int count) {
  CUdeviceptr blocks[8];
  for (int i = 0; i < count; ++i) MUST(cuMemAlloc_v2(&blocks[i], kBlockBytes));
  for (int i = 0; i < count; ++i) MUST(cuMemFree_v2(blocks[i]));
}

void forked() {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    std::string line;
    say("child " + std::to_string(getpid()));
    std::getline(std::cin, line);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

// A child that no handler saw: it has this process's mappings, and calls of its own.
void cloned() {
  std::fflush(stdout);
  const long child = syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) {
    size_t free_bytes = 0, all_bytes = 0;
    for (int i = 0; i < 100; ++i) cuMemGetInfo_v2(&free_bytes, &all_bytes);
    syscall(SYS_exit_group, 0);
  }
  waitpid(static_cast<pid_t>(child), nullptr, 0);
}

// From here on the process is killed if it removes a file or makes one.
void confine() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unlink, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::exit(77);
  }
}

// Blocks of several sizes come and go on two threads until the next line.
void busy() {
  std::atomic<bool> ends{false};
  const auto work = [&] {
    CUcontext context = nullptr;
    MUST(cuDevicePrimaryCtxRetain(&context, 0));
    MUST(cuCtxSetCurrent(context));
    while (!ends.load()) {
      use(3);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  std::thread first(work), second(work);
  say("busy");
  std::string line;
  std::getline(std::cin, line);
  ends.store(true);
  first.join();
  second.join();
}

}  // namespace

int main() {
  say(std::to_string(getpid()));
  for (std::string line; std::getline(std::cin, line) && line != "end";) {
    if (line == "enter") begin();
    if (line == "use") use(3);
    if (line == "busy") busy();
    if (line == "fork") forked();
    if (line == "clone") cloned();
    if (line == "confine") confine();
    say("done " + line);
  }
  return 0;
}
