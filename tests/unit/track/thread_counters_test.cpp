#include "track/thread_counters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace weir::track {
namespace {

core::StackId stack(uint32_t id) { return static_cast<core::StackId>(id); }

// A class that no pool page has, and that displaces nothing.
constexpr BlockClass kAnyClass{kSizeClasses - 1, 0, UINT32_MAX};

struct Sum {
  core::StackId stack;
  StackCounters counters;
};

// A stack's counters with what running threads still hold of it.
StackCounters whole(uint32_t id) {
  Sum sum{stack(id), counters_of(stack(id))};
  for_each_stack_delta(
      [](void* context, const StackDelta& delta) {
        auto* of = static_cast<Sum*>(context);
        if (delta.stack == of->stack) add_to_counters(delta, of->counters);
      },
      &sum);
  return sum.counters;
}

class ThreadCountersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_counters_reset_after_fork();
    thread_counters_reset_after_fork(nullptr);
    counters_ = create_thread_counters(core::ThreadId::unknown);
  }
  void TearDown() override { retire_thread_counters(counters_); }

  void alloc(uint32_t id, size_t bytes, uintptr_t address = 0) {
    counters_->last_allocated = address;
    count_alloc(*counters_, stack(id), bytes, {}, ++tick_);
  }
  void release(uint32_t id, size_t bytes, uintptr_t address = 0x10) {
    count_free(*counters_, stack(id), address, bytes, {});
  }

  ThreadCounters* counters_ = nullptr;
  uint64_t tick_ = 0;
};

TEST_F(ThreadCountersTest, PeakByStackIsTheMomentOfThePeak) {
  if (!single_threaded()) GTEST_SKIP() << "exact for one thread; another test of this process made a second";
  alloc(1, 100);
  alloc(2, 50);
  release(1, 100);
  alloc(3, 120);  // peak: 50 + 120
  release(2, 50);
  alloc(1, 20);
  const HostTotals totals = read_totals();
  EXPECT_EQ(totals.all.peak_bytes, 170U);
  EXPECT_EQ(totals.peak_tick, 3U);
  EXPECT_EQ(at_peak(whole(1)).bytes, 0U);
  EXPECT_EQ(at_peak(whole(2)).bytes, 50U);
  EXPECT_EQ(at_peak(whole(3)).bytes, 120U);
  EXPECT_EQ(whole(1).max_bytes, 100U);
}

TEST_F(ThreadCountersTest, ABlockFreedBeforeTheNextAllocationIsTemporary) {
  alloc(1, 8, 0x100);
  release(1, 8, 0x100);
  alloc(1, 8, 0x100);
  alloc(1, 8, 0x200);
  release(1, 8, 0x100);
  EXPECT_EQ(whole(1).temporary_count, 1U);
  EXPECT_EQ(read_totals().temporary_count, 1U);
}

TEST_F(ThreadCountersTest, PowersOfTwo) {
  EXPECT_EQ(power_of_two_index(0), kSmallestPower);
  EXPECT_EQ(power_of_two_index(16), kSmallestPower);
  EXPECT_EQ(power_of_two_index(17), 5U);
  EXPECT_EQ(power_of_two_index(64), 6U);
  EXPECT_EQ(power_of_two_index(65), 7U);
  EXPECT_EQ(power_of_two_index(SIZE_MAX), kPowersOfTwo - 1);
}

TEST_F(ThreadCountersTest, ManyThreadsAddUpExactlyAndThePeakIsWithinItsBound) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([] {
      ThreadCounters* own = create_thread_counters(core::ThreadId::unknown);
      for (int i = 0; i < kRounds; ++i) count_alloc(*own, stack(7), 1000, kAnyClass, 1);
      for (int i = 0; i < kRounds; ++i) count_free(*own, stack(7), 1, 1000, kAnyClass);
      retire_thread_counters(own);
    });
  }
  for (auto& thread : threads) thread.join();
  const HostTotals totals = read_totals();
  EXPECT_EQ(totals.all.alloc_count, uint64_t{kThreads} * kRounds);
  EXPECT_EQ(totals.all.free_bytes, uint64_t{kThreads} * kRounds * 1000);
  EXPECT_EQ(totals.all.live_bytes(), 0U);
  EXPECT_EQ(whole(7).alloc_count, uint64_t{kThreads} * kRounds);
  EXPECT_EQ(whole(7).live_count(), 0U);
  EXPECT_LE(totals.all.peak_bytes, uint64_t{kThreads} * kRounds * 1000);
  EXPECT_GE(totals.all.peak_bytes, uint64_t{kRounds} * 1000 - (1 << 20));
}

// The events of eight threads in one known order: the order of a lock. The peak that Weir saw is compared with the true one.
TEST_F(ThreadCountersTest, ThePeakOfManyThreadsIsWithinItsBoundOfASequencedReplay) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 30'000;
  std::mutex order;
  int64_t live = 0, true_peak = 0;
  std::vector<size_t> blocks;  // any thread frees what any other allocated
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ThreadCounters* own = create_thread_counters(core::ThreadId::unknown);
      std::mt19937 random(t);
      for (int i = 0; i < kRounds; ++i) {
        const size_t bytes = random() % 3000;
        std::lock_guard lock(order);
        if (random() % 100 < 52 || blocks.empty()) {
          blocks.push_back(bytes);
          live += static_cast<int64_t>(bytes);
          true_peak = std::max(true_peak, live);
          count_alloc(*own, stack(t), bytes, kAnyClass, 1);
        } else {
          std::swap(blocks[random() % blocks.size()], blocks.back());
          live -= static_cast<int64_t>(blocks.back());
          count_free(*own, stack(t), 1, blocks.back(), kAnyClass);
          blocks.pop_back();
        }
      }
      retire_thread_counters(own);
    });
  }
  for (auto& thread : threads) thread.join();
  const auto seen = static_cast<int64_t>(read_totals().all.peak_bytes);
  const int64_t bound = std::max(int64_t{1} << 20, true_peak / 100);
  EXPECT_GT(true_peak, 4 << 20) << "the bound would prove nothing";
  EXPECT_LE(std::abs(seen - true_peak), bound) << seen << " seen, " << true_peak << " in truth";
}

}  // namespace
}  // namespace weir::track
