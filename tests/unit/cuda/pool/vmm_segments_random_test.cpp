// Random operations on segments: beside a plain model, and in threads.
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "vmm_segments_fixture.h"

namespace weir::cuda::pool {
namespace {

// Random operations compared with a plain list of live blocks: none overlap, each keeps its contents, and the device never refuses what
// whole free chunks and its own free memory could give.
void compare_with_model(VmmDriver& driver, uint64_t chunk_bytes, int operations) {
  driver.reset(kDeviceBytes);
  VmmSegments segments;
  ASSERT_EQ(segments.open(0, kDeviceBytes, chunk_bytes), Result::success);
  struct Block {
    uint64_t bytes, taken_bytes, token;
  };
  std::map<Address, Block> live;
  uint64_t live_bytes = 0, large_bytes = 0, tokens = 0, refused_count = 0;
  std::mt19937_64 random(7);
  const auto check = [&](Address address, const Block& block) {
    ASSERT_TRUE(driver.holds(address, block.token));
    ASSERT_TRUE(driver.holds(address + (block.bytes - 1) / test::kWordPer * test::kWordPer, block.token));
  };
  for (int i = 0; i < operations; ++i) {
    const auto kind = random() % 100;
    if (kind < 52 || live.empty()) {
      const uint64_t bytes =
          random() % 3 == 0 ? 1 + random() % (12 * kMiB) : 1 + random() % (random() % 8 == 0 ? kMiB : 8192);
      const bool is_large = bytes > kMostSmallBytes;
      const uint64_t rounded = is_large ? (bytes + kGranule - 1) / kGranule * kGranule : (bytes + 511) / 512 * 512;
      Address address;
      const Result result = segments.allocate(bytes, &address);
      if (result == Result::out_of_memory) {
        ++refused_count;
        if (is_large && chunk_bytes == 0) {
          // What cannot be taken is what live blocks lie in; small ones share chunks.
          std::set<Address> shared;
          for (const auto& [start, block] : live) {
            if (block.bytes > kMostSmallBytes) continue;
            for (Address chunk = start / kGranule; chunk <= (start + block.bytes - 1) / kGranule; ++chunk)
              shared.insert(chunk);
          }
          ASSERT_GT(large_bytes + shared.size() * kGranule + rounded, kDeviceBytes);
        }
        // Then the program frees something.
        for (int n = 0; n < 20 && !live.empty(); ++n) {
          const auto victim =
              live.lower_bound(live.begin()->first + random() % (live.rbegin()->first - live.begin()->first + 1));
          ASSERT_NO_FATAL_FAILURE(check(victim->first, victim->second));
          ASSERT_TRUE(segments.release(victim->first));
          live_bytes -= victim->second.taken_bytes;
          if (victim->second.bytes > kMostSmallBytes) large_bytes -= victim->second.taken_bytes;
          live.erase(victim);
        }
        continue;
      }
      ASSERT_EQ(result, Result::success);
      const auto next = live.lower_bound(address);
      ASSERT_TRUE(next == live.end() || address + rounded <= next->first);
      if (next != live.begin()) {
        const auto before = std::prev(next);
        ASSERT_LE(before->first + before->second.taken_bytes, address);
      }
      live[address] = {bytes, rounded, ++tokens};
      live_bytes += rounded;
      if (is_large) large_bytes += rounded;
      ASSERT_TRUE(driver.write(address, tokens));
      ASSERT_TRUE(driver.write(address + (bytes - 1) / test::kWordPer * test::kWordPer, tokens));
    } else if (kind < 96) {
      auto victim = live.lower_bound(live.begin()->first + random() % (live.rbegin()->first - live.begin()->first + 1));
      if (victim == live.end()) victim = live.begin();
      ASSERT_NO_FATAL_FAILURE(check(victim->first, victim->second));
      SegmentBlock found;
      ASSERT_TRUE(segments.find(victim->first + random() % victim->second.bytes, &found));
      ASSERT_EQ(found.address, victim->first);
      ASSERT_EQ(found.bytes, victim->second.bytes);
      ASSERT_TRUE(segments.release(victim->first));
      live_bytes -= victim->second.taken_bytes;
      if (victim->second.bytes > kMostSmallBytes) large_bytes -= victim->second.taken_bytes;
      live.erase(victim);
    } else if (kind == 96) {
      if (random() % 8 == 0) {
        const uint64_t whole = segments.figures().whole_free_bytes;
        ASSERT_EQ(segments.trim(0), whole);
        continue;
      }
      const uint64_t free_before = driver.free_bytes();
      const uint64_t released = segments.trim(random() % (64 * kMiB));
      ASSERT_EQ(driver.free_bytes(), free_before + released);
    }
    if (i % 4096 == 0) {
      const SegmentFigures figures = segments.figures();
      ASSERT_EQ(figures.live_bytes, live_bytes);
      ASSERT_EQ(figures.live_count, live.size());
      ASSERT_EQ(figures.moving_bytes, 0u);
      ASSERT_EQ(figures.free_bytes + figures.live_bytes, figures.mapped_bytes);
      ASSERT_EQ(driver.free_bytes() + figures.mapped_bytes, kDeviceBytes);
      for (const auto& [address, block] : live) ASSERT_NO_FATAL_FAILURE(check(address, block));
    }
  }
  EXPECT_GT(refused_count, 10u) << "the device was never full";
  EXPECT_GT(segments.figures().remap_count, 10u);
  segments.close();
  EXPECT_EQ(driver.free_bytes(), kDeviceBytes);
  EXPECT_EQ(driver.reservation_count(), 0u);
}

TEST_F(VmmSegmentsTest, RandomOperationsEqualAPlainModel) { compare_with_model(driver(), 0, 150'000); }
TEST_F(VmmSegmentsTest, RandomOperationsWithLargerChunksToo) { compare_with_model(driver(), 8 * kMiB, 100'000); }

TEST_F(VmmSegmentsTest, ThreadsShareWhatIsFree) {
  constexpr int kThreads = 4;
  constexpr int kOperations = 20'000;
  std::atomic<uint64_t> refused{0};
  const auto work = [&](uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<std::pair<Address, uint64_t>> mine;
    for (int i = 0; i < kOperations; ++i) {
      if (random() % 100 < 55 || mine.empty()) {
        const uint64_t bytes = 1 + random() % (random() % 2 == 0 ? 20 * kMiB : 4096);
        Address address;
        const Result result = segments_.allocate(bytes, &address);
        if (result == Result::success) {
          mine.emplace_back(address, seed << 32 | static_cast<uint64_t>(i));
          EXPECT_TRUE(driver().write(address, mine.back().second));
          continue;
        }
        EXPECT_EQ(result, Result::out_of_memory);
        refused.fetch_add(1);
        if (mine.empty()) continue;
      }
      const size_t index = random() % mine.size();
      EXPECT_TRUE(driver().holds(mine[index].first, mine[index].second));
      EXPECT_TRUE(segments_.release(mine[index].first));
      mine[index] = mine.back();
      mine.pop_back();
      if (i % 97 == 0) segments_.trim(random() % (32 * kMiB));
      if (i % 501 == 0) {
        EXPECT_EQ(segments_.set_access(static_cast<Device>(1 + seed % 4), i % 2 == 0), Result::success);
      }
    }
    for (const auto& [address, token] : mine) {
      EXPECT_TRUE(driver().holds(address, token));
      EXPECT_TRUE(segments_.release(address));
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 1; i <= kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(refused.load(), 0u);
  EXPECT_EQ(segments_.figures().live_count, 0u);
  EXPECT_EQ(segments_.figures().moving_bytes, 0u);
  segments_.compact();
  EXPECT_EQ(driver().free_bytes(), kDeviceBytes);
}

}  // namespace
}  // namespace weir::cuda::pool
