// The safe point while threads run, begin and end.
#include <pthread.h>

#include "core/clock.h"
#include "core/spin_lock.h"
#include "leak/task_list.h"
#include "thread_stop_fixture.h"

namespace weir::leak {
namespace {

using ThreadStorm = ThreadStop;

// Each thread counts in a line of its own.
struct alignas(64) Counter {
  std::atomic<uint64_t> value{0};
};

uint64_t sum_of(const std::vector<Counter>& counters) {
  uint64_t sum = 0;
  for (const Counter& counter : counters) sum += counter.value.load(std::memory_order_relaxed);
  return sum;
}

// Stops the threads and sees that nobody counts meanwhile.
::testing::AssertionResult stands_still(const std::vector<Counter>& counters) {
  const core::Guard guard;
  const StoppedThreads stopped(guard.token(), kLimitNs);
  if (!stopped.all_known()) {
    return ::testing::AssertionFailure() << stopped.unknown_count() << " unknown: " << stopped.why_unknown();
  }
  const uint64_t before = sum_of(counters);
  for (int i = 0; i < 3; ++i) sched_yield();
  const timespec moment{0, 300'000};
  syscall(SYS_nanosleep, &moment, nullptr);
  const uint64_t after = sum_of(counters);
  if (before != after) return ::testing::AssertionFailure() << after - before << " steps were made";
  return ::testing::AssertionSuccess();
}

TEST_F(ThreadStorm, AThousandThreads) {
  constexpr size_t kThreads = 1000;
  std::vector<Counter> counters(kThreads);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      while (!over) {
        ++counters[i].value;
        if (i % 100 != 0) usleep(10'000);  // more often, and two processors do nothing but wake them
      }
    });
  }
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    const uint64_t start_cpu_ns = core::thread_cpu_ns();
    EXPECT_TRUE(stands_still(counters));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
    EXPECT_LT(core::thread_cpu_ns() - start_cpu_ns, 500'000'000U);
  }
  {
    const core::Guard guard;
    EXPECT_EQ(kThreads, StoppedThreads(guard.token(), kLimitNs).size());
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
}

// Every thread of eight begins others, short-lived ones, all the time.
TEST_F(ThreadStorm, ThreadsThatBeginAndEnd) {
  constexpr size_t kBreeders = 8;
  std::vector<Counter> counters(kBreeders);
  std::atomic<bool> over{false};
  std::vector<std::thread> breeders;
  for (size_t i = 0; i < kBreeders; ++i) {
    breeders.emplace_back([&, i] {
      while (!over) {
        std::thread([&] { ++counters[i].value; }).join();
        ++counters[i].value;
      }
    });
  }
  for (int round = 0; round < 200; ++round) {
    EXPECT_TRUE(stands_still(counters));
    usleep(500);
  }
  const uint64_t steps = sum_of(counters);
  while (sum_of(counters) == steps) usleep(1000);  // they go on
  over = true;
  for (std::thread& breeder : breeders) breeder.join();
}

// The same where they block all signals: the helper follows.
TEST_F(ThreadStorm, ThreadsThatBlockEverything) {
  constexpr size_t kThreads = 8;
  std::vector<Counter> counters(kThreads);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      if (i % 2 == 0) block_all_raw();
      while (!over) ++counters[i].value;
    });
  }
  for (int round = 0; round < 50; ++round) EXPECT_TRUE(stands_still(counters));
  over = true;
  for (std::thread& thread : threads) thread.join();
}

core::SpinLock contended;

// Nobody is stopped with one of Weir's locks: the stopper needs them.
TEST_F(ThreadStorm, NoStoppedThreadHoldsALock) {
  for (const bool blocks_signals : {false, true}) {
    std::atomic<bool> over{false};
    std::vector<Counter> counters(3);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < counters.size(); ++i) {
      threads.emplace_back([&, i] {
        if (blocks_signals) block_all_raw();
        while (!over) {
          {
            const core::LockScope scope(contended);
            for (int step = 0; step < 200; ++step) ++counters[i].value;
          }
          for (int step = 0; step < 200; ++step) ++counters[i].value;
        }
      });
    }
    for (int round = 0; round < 100; ++round) {
      const core::Guard guard;
      const StoppedThreads stopped(guard.token(), kLimitNs);
      EXPECT_TRUE(stopped.all_known()) << stopped.why_unknown();
      EXPECT_TRUE(contended.try_lock());
      contended.unlock();
    }
    over = true;
    for (std::thread& thread : threads) thread.join();
  }
}

// Children that are forked in the midst of being stopped are whole processes of their own.
TEST_F(ThreadStorm, ThreadsThatFork) {
  std::atomic<bool> over{false};
  std::atomic<int> children{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!over) {
        const int status = in_child([] {
          const core::Guard guard;
          const StoppedThreads stopped(guard.token(), kLimitNs);
          return stopped.all_known() && stopped.size() == 0 ? 0 : 1;
        });
        wrong += exit_of(status) != 0 ? 1 : 0;
        ++children;
      }
    });
  }
  for (int round = 0; round < 100 || children < 20; ++round) {
    const core::Guard guard;
    EXPECT_TRUE(StoppedThreads(guard.token(), kLimitNs).all_known());
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(0, wrong);
}

// Two who want to stop the others, one after the other.
TEST_F(ThreadStorm, TwoStoppers) {
  const auto stop_often = [] {
    for (int round = 0; round < 50; ++round) {
      const core::Guard guard;
      const StoppedThreads stopped(guard.token(), kLimitNs);
      EXPECT_TRUE(stopped.all_known()) << stopped.why_unknown();
    }
  };
  std::thread first(stop_often), second(stop_often);
  first.join();
  second.join();
}

}  // namespace
}  // namespace weir::leak
