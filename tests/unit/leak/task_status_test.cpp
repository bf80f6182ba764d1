#include "leak/task_status.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "leak/task_list.h"

namespace weir::leak {
namespace {

TEST(TaskStatus, ReadsMaskStateFilterAndTheInnermostNumber) {
  TaskStatus status;
  parse_task_status(
      "Name:\tSigBlk:\n"
      "State:\tD (disk sleep)\n"
      "NSpid:\t4711\t12\t3\n"
      "SigBlk:\tfffffffe7ffbfeff\n"
      "Seccomp:\t2\n",
      4711, &status);
  EXPECT_EQ('D', status.state);
  EXPECT_EQ(3, status.tid);
  EXPECT_EQ(0xfffffffe7ffbfeffULL, status.blocked);
  EXPECT_TRUE(status.has_filter);
  EXPECT_FALSE(has_ended(status));
}

TEST(TaskStatus, ReadsTheCallingThread) {
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, 40);
  pthread_sigmask(SIG_BLOCK, &one, &before);
  const auto tid = static_cast<int>(syscall(SYS_gettid));
  TaskStatus status;
  ASSERT_TRUE(read_task_status(tid, &status));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(tid, status.tid);
  EXPECT_EQ('R', status.state);
  EXPECT_NE(0U, status.blocked & bit_of(40));
}

TEST(TaskStatus, AThreadThatHasEndedHasNone) {
  int tid = 0;
  std::thread([&] { tid = static_cast<int>(syscall(SYS_gettid)); }).join();
  TaskStatus status;
  for (int i = 0; i < 1000 && read_task_status(tid, &status); ++i) usleep(1000);
  EXPECT_FALSE(read_task_status(tid, &status));
}

TEST(TaskStatus, ReadsWhereABlockedThreadSleeps) {
  BlockedCall call;
  ASSERT_TRUE(parse_blocked_call("0 0x4 0x7ffe10 0x400 0x1 0x2 0x3 0x7fffa198 0x7f0012\n", &call));
  EXPECT_EQ(0x7fffa198U, call.stack_pointer);
  EXPECT_EQ(4U, call.arguments[0]);
  EXPECT_EQ(3U, call.arguments[5]);
  ASSERT_TRUE(parse_blocked_call("-1 0x7fffa198 0x7f0012\n", &call));
  EXPECT_EQ(0x7fffa198U, call.stack_pointer);
  EXPECT_EQ(0U, call.arguments[0]);
  EXPECT_FALSE(parse_blocked_call("running\n", &call));
  EXPECT_FALSE(parse_blocked_call("", &call));
}

TEST(TaskStatus, FindsTheControlBlockOfAnotherThread) {
  int ends[2];
  ASSERT_EQ(0, pipe(ends));
  std::atomic<int> tid{0};
  std::thread other([&] {
    tid = static_cast<int>(syscall(SYS_gettid));
    char byte;
    EXPECT_EQ(1, read(ends[0], &byte, 1));
  });
  while (tid == 0) usleep(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(other.native_handle()), thread_pointer_of(tid));  // the libc's pthread_t
  EXPECT_EQ(own_thread_pointer(), thread_pointer_of(static_cast<int>(syscall(SYS_gettid))));
  EXPECT_EQ(1, write(ends[1], "x", 1));
  other.join();
  close(ends[0]);
  close(ends[1]);
}

TEST(TaskList, ListsEveryThreadOnce) {
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 500; ++i) {
    threads.emplace_back([&] {
      while (!over) usleep(1000);
    });
  }
  std::vector<int> tasks;
  ASSERT_TRUE(
      for_each_task([](void* list, int task) { static_cast<std::vector<int>*>(list)->push_back(task); }, &tasks));
  EXPECT_EQ(thread_count(), tasks.size());
  EXPECT_GE(tasks.size(), 501U);
  std::sort(tasks.begin(), tasks.end());
  EXPECT_EQ(tasks.end(), std::adjacent_find(tasks.begin(), tasks.end()));
  over = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace weir::leak
