// The live set over a pool that the test plays: pages of its own at made-up addresses (no memory lies there: the live set never
// touches a block).
#include "track/live_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "track/plain_blocks.h"
#include "track/pool_records.h"

namespace weir::track {
namespace {

constexpr uintptr_t kSegment = uintptr_t{1} << kUnitShift;
constexpr uintptr_t kSlice = uintptr_t{1} << kSliceShift;

thread_local PageGeometry played_page;
PageGeometry geometry_of_played_page(uintptr_t) { return played_page; }

struct PlayedPage {
  PageGeometry geometry;
  const void* object;  // the pool's page object

  uintptr_t block(size_t index) const { return geometry.start + index * geometry.block_bytes; }
  size_t count() const { return geometry.bytes / geometry.block_bytes; }
  bool insert(const Block& block, uintptr_t base) const {
    core::Guard guard;
    played_page = geometry;
    InsertedPlace place;
    return insert_pool_block(guard.token(), base, {object, geometry.block_bytes}, block, &geometry_of_played_page,
                             &place);
  }
};

// The object's address is that of the page's first slice, as in the pool.
PlayedPage page_at(uintptr_t slice_address, size_t slices, size_t block_bytes, size_t offset = 0) {
  return {{slice_address + offset, slices * kSlice - offset, block_bytes}, reinterpret_cast<void*>(slice_address)};
}

Block live_block(uintptr_t address, size_t bytes, uint8_t align_log2 = 0) {
  Block block;
  block.address = address;
  block.bytes = bytes;
  block.align_log2 = align_log2;
  block.state = BlockState::live;
  block.stack = static_cast<core::StackId>(5);
  block.thread = static_cast<core::ThreadId>(3);
  return block;
}

RemoveResult remove(uintptr_t address, Block* block = nullptr, uintptr_t* base = nullptr) {
  core::Guard guard;
  Block ignored;
  uintptr_t ignored_base = 0;
  return remove_block(guard.token(), address, block == nullptr ? &ignored : block,
                      base == nullptr ? &ignored_base : base);
}

std::map<uintptr_t, size_t> enumerate(uintptr_t from, uintptr_t to) {
  struct Context {
    std::map<uintptr_t, size_t> found;
    uintptr_t from, to;
  } context{{}, from, to};
  for_each_live_block(
      [](void* opaque, const Block& block) {
        auto* seen = static_cast<Context*>(opaque);
        if (block.address < seen->from || block.address >= seen->to) return;
        EXPECT_TRUE(seen->found.emplace(block.address, block.bytes).second) << "visited twice: " << block.address;
      },
      &context);
  return context.found;
}

TEST(LiveSet, FindsEveryBlockOfEveryBlockSizeByAnyAddressInside) {
  uintptr_t segment = kSegment * 0x1000;
  for (const size_t block_bytes : {16UL, 48UL, 80UL, 112UL, 1024UL, 1280UL, 7168UL, 20480UL, 40960UL, 131072UL}) {
    segment += kSegment;
    const size_t slices = block_bytes <= 16384 ? 1 : 8;
    const PlayedPage page = page_at(segment + kSlice, slices, block_bytes, block_bytes <= 1024 ? 384 : 0);
    for (size_t i = 0; i < page.count(); ++i) {
      ASSERT_TRUE(page.insert(live_block(page.block(i), block_bytes), page.block(i)));
    }
    Block found;
    for (size_t i = 0; i < page.count(); ++i) {
      ASSERT_EQ(find_block(page.block(i), &found, nullptr), RemoveResult::removed) << block_bytes << " #" << i;
      ASSERT_EQ(find_block(page.block(i) + block_bytes - 1, &found, nullptr), RemoveResult::interior);
      ASSERT_EQ(found.address, page.block(i));
    }
    EXPECT_EQ(enumerate(segment, segment + kSegment).size(), page.count());
    for (size_t i = 0; i < page.count(); ++i) ASSERT_EQ(remove(page.block(i)), RemoveResult::removed);
    EXPECT_TRUE(enumerate(segment, segment + kSegment).empty());
  }
}

TEST(LiveSet, AnAlignedBlockIsFoundAtItsOwnAddressOnly) {
  const PlayedPage page = page_at(kSegment * 0x2000 + kSlice, 1, 320, 384);
  for (size_t i = 0; i < page.count(); ++i) {
    const uintptr_t base = page.block(i);
    const uintptr_t aligned = (base + 127) & ~uintptr_t{127};
    ASSERT_TRUE(page.insert(live_block(aligned, 100, 7), base));
  }
  Block found;
  uintptr_t base = 0;
  for (size_t i = 0; i < page.count(); ++i) {
    const uintptr_t aligned = (page.block(i) + 127) & ~uintptr_t{127};
    if (aligned != page.block(i)) {
      ASSERT_EQ(remove(page.block(i)), RemoveResult::unknown);
    }
    ASSERT_EQ(remove(aligned, &found, &base), RemoveResult::removed);
    ASSERT_EQ(base, page.block(i));
    ASSERT_EQ(found.bytes, 100U);
  }
}

TEST(LiveSet, TellsDoubleFreesInteriorsAndStrangersApart) {
  const PlayedPage page = page_at(kSegment * 0x2100 + kSlice, 1, 64, 384);
  page.insert(live_block(page.block(3), 50), page.block(3));
  EXPECT_EQ(remove(page.block(3) + 8), RemoveResult::interior);
  EXPECT_EQ(remove(page.block(4)), RemoveResult::unknown);
  EXPECT_EQ(remove(page.block(3)), RemoveResult::removed);
  EXPECT_EQ(remove(page.block(3)), RemoveResult::already_freed);
  EXPECT_EQ(remove(0x1234), RemoveResult::unknown);
  EXPECT_EQ(remove(~uintptr_t{0} - 15), RemoveResult::unknown);
  EXPECT_TRUE(in_pool_page(page.block(9)));
  EXPECT_FALSE(in_pool_page(page.geometry.start - 1));
}

TEST(LiveSet, AFreedBlockTellsWhoFreedIt) {
  const PlayedPage page = page_at(kSegment * 0x2180 + kSlice, 1, 64, 384);
  page.insert(live_block(page.block(3), 50), page.block(3));
  core::Guard guard;
  Block found;
  uintptr_t base = 0;
  remove_block(guard.token(), page.block(3), &found, &base, nullptr, {static_cast<core::ThreadId>(8), 700});
  EXPECT_EQ(found.thread, static_cast<core::ThreadId>(3)) << "the block as it was";
  EXPECT_EQ(find_block(page.block(3), &found, &base), RemoveResult::already_freed);
  EXPECT_EQ(found.thread, static_cast<core::ThreadId>(8));
  EXPECT_EQ(found.tick, 700U);
  EXPECT_EQ(found.bytes, 50U);
}

TEST(LiveSet, TellsWhatLiesAroundAnAddress) {
  const PlayedPage page = page_at(kSegment * 0x2190 + kSlice, 1, 64, 384);
  page.insert(live_block(page.block(3), 50), page.block(3));
  page.insert(live_block(page.block(4), 60), page.block(4));
  remove(page.block(4));
  EXPECT_EQ(find_surroundings(page.block(3) + 55).block.address, page.block(3)) << "behind its end";
  EXPECT_EQ(find_surroundings(page.block(4) + 20).block.state, BlockState::freed);
  EXPECT_FALSE(find_surroundings(page.block(5) + 20).known);
  EXPECT_FALSE(find_surroundings(0x1234).known);
}

TEST(LiveSet, APlainBlockIsFoundByItsOwnFamilyOnly) {
  const PlayedPage page = page_at(kSegment * 0x21a0 + kSlice, 1, 64, 384);
  Block block = live_block(page.block(3), 60);
  block.family = Family::scalar_new;
  page.insert(block, page.block(3));
  find_page(page.block(3));  // makes its unit a recent one
  EXPECT_NE(find_plain_block<Family::scalar_new>(page.block(3)).page, nullptr);
  EXPECT_EQ(find_plain_block<Family::scalar_new>(page.block(3)).bytes, 60U);
  EXPECT_EQ(find_plain_block<Family::malloc>(page.block(3)).page, nullptr);
  EXPECT_EQ(find_plain_block<Family::array_new>(page.block(3)).page, nullptr);
  remove(page.block(3));
  EXPECT_EQ(find_plain_block<Family::scalar_new>(page.block(3)).page, nullptr);
}

TEST(LiveSet, ADisplacedBlockIsNotPlain) {
  const PlayedPage page = page_at(kSegment * 0x21b0 + kSlice, 1, 640, 0);
  page.insert(live_block(page.block(3), 512), page.block(3));
  page.insert(live_block(page.block(4), 513), page.block(4));
  find_page(page.block(3));
  EXPECT_EQ(find_plain_block<Family::malloc>(page.block(3)).page, nullptr);
  EXPECT_NE(find_plain_block<Family::malloc>(page.block(4)).page, nullptr);
  Block found;
  EXPECT_EQ(find_block(page.block(3), &found, nullptr), RemoveResult::removed);
  EXPECT_EQ(found.align_log2, 0);
  EXPECT_EQ(remove(page.block(3)), RemoveResult::removed);
}

TEST(LiveSet, SlicesReusedByPagesOfOtherShapesLoseNoBlock) {
  // Pages come and go over the same slices; only wholly freed pages are replaced, as in the pool.
  const uintptr_t segment = kSegment * 0x2200;
  std::mt19937 random(3);
  const size_t medium[] = {20480, 40960, 65536, 131072};
  const size_t small[] = {16, 64, 640, 8192};
  for (int round = 0; round < 3000; ++round) {
    const uintptr_t first = segment + kSlice * (1 + random() % 12);
    const bool large = random() % 2 == 0;
    const PlayedPage page =
        large ? page_at(first, 8, medium[random() % 4]) : page_at(first, 1, small[random() % 4], 384);
    std::vector<size_t> indices;
    for (size_t i = 0; i < page.count() && indices.size() < 40; i += 1 + random() % 3) indices.push_back(i);
    std::shuffle(indices.begin(), indices.end(), random);
    for (size_t i : indices) ASSERT_TRUE(page.insert(live_block(page.block(i), 9), page.block(i)));
    ASSERT_EQ(enumerate(segment, segment + kSegment).size(), indices.size()) << "round " << round;
    for (size_t i : indices) ASSERT_EQ(remove(page.block(i)), RemoveResult::removed) << "round " << round;
  }
}

TEST(LiveSet, ABlockAcrossSegmentsIsFoundFromEachOfItsPages) {
  const uintptr_t segment = kSegment * 0x2300;
  const size_t bytes = 5 * kSegment + kSlice * 3;
  const PlayedPage huge{{segment + kSlice, bytes, bytes}, reinterpret_cast<void*>(segment + kSlice)};
  ASSERT_TRUE(huge.insert(live_block(huge.geometry.start, bytes - 7), huge.geometry.start));
  Block found;
  for (uintptr_t at = huge.geometry.start + 1; at < huge.geometry.start + bytes - 7; at += kSlice / 2) {
    ASSERT_EQ(find_block(at, &found, nullptr), RemoveResult::interior);
    ASSERT_EQ(found.bytes, bytes - 7);
  }
  EXPECT_EQ(enumerate(segment, segment + 8 * kSegment).size(), 1U);
  EXPECT_EQ(remove(huge.geometry.start), RemoveResult::removed);
  // The address space is then cut into ordinary segments, and joined again.
  const PlayedPage page = page_at(segment + 2 * kSegment + kSlice, 1, 64, 384);
  ASSERT_TRUE(page.insert(live_block(page.block(1), 1), page.block(1)));
  EXPECT_EQ(enumerate(segment, segment + 8 * kSegment).size(), 1U);
  EXPECT_EQ(remove(page.block(1)), RemoveResult::removed);
  ASSERT_TRUE(huge.insert(live_block(huge.geometry.start, bytes), huge.geometry.start));
  EXPECT_EQ(remove(page.block(1)), RemoveResult::interior);
  EXPECT_EQ(remove(huge.geometry.start), RemoveResult::removed);
}

TEST(LiveSet, KeepsSizesBeyondFourGigabytes) {
  const uintptr_t segment = kSegment * 0x2400;
  const size_t bytes = size_t{6} << 30;
  const PlayedPage huge{{segment + kSlice, bytes, bytes}, reinterpret_cast<void*>(segment + kSlice)};
  ASSERT_TRUE(huge.insert(live_block(huge.geometry.start, bytes - 100), huge.geometry.start));
  Block found;
  EXPECT_EQ(remove(huge.geometry.start, &found), RemoveResult::removed);
  EXPECT_EQ(found.bytes, bytes - 100);
}

TEST(LiveSet, ForgetsARangeThatThePoolGaveBack) {
  const uintptr_t segment = kSegment * 0x2500;
  const PlayedPage page = page_at(segment + kSlice, 1, 64, 384);
  page.insert(live_block(page.block(0), 1), page.block(0));
  EXPECT_EQ(remove(page.block(0)), RemoveResult::removed);
  EXPECT_TRUE(in_pool_page(page.block(0)));
  forget_pool_range(segment, kSegment);
  EXPECT_FALSE(in_pool_page(page.block(0)));
}

TEST(LiveSet, ARestoredBlockIsLiveAgain) {
  core::Guard guard;
  const PlayedPage page = page_at(kSegment * 0x2600 + kSlice, 1, 64, 384);
  page.insert(live_block(page.block(2), 33), page.block(2));
  Block block;
  uintptr_t base = 0;
  ASSERT_EQ(remove_block(guard.token(), page.block(2), &block, &base), RemoveResult::removed);
  restore_block(guard.token(), block, base);
  Block found;
  EXPECT_EQ(find_block(page.block(2), &found, nullptr), RemoveResult::removed);
  EXPECT_EQ(found.bytes, 33U);
}

TEST(LiveSet, OwnersInsertWhileOthersFreeAndReadersEnumerate) {
  constexpr int kOwners = 3;
  constexpr size_t kRounds = 40;
  std::atomic<bool> done{false};
  std::vector<std::thread> owners;
  std::atomic<uintptr_t> handed_over[kOwners];
  for (auto& slot : handed_over) slot = 0;
  for (int t = 0; t < kOwners; ++t) {
    owners.emplace_back([t, &handed_over] {
      const PlayedPage page = page_at(kSegment * (0x2700 + static_cast<uintptr_t>(t)) + kSlice, 1, 128, 384);
      for (size_t round = 0; round < kRounds; ++round) {
        for (size_t i = 0; i < page.count(); ++i) {
          ASSERT_TRUE(page.insert(live_block(page.block(i), i + 1), page.block(i)));
          if (i % 2 == 0) {
            ASSERT_EQ(remove(page.block(i)), RemoveResult::removed);
            continue;
          }
          uintptr_t none = 0;
          while (!handed_over[t].compare_exchange_weak(none, page.block(i))) {
            none = 0;
            std::this_thread::yield();
          }
        }
        while (handed_over[t] != 0) std::this_thread::yield();
      }
    });
  }
  std::thread freer([&] {
    while (!done) {
      for (auto& slot : handed_over) {
        const uintptr_t address = slot.load();
        if (address == 0) {
          std::this_thread::yield();
          continue;
        }
        ASSERT_EQ(remove(address), RemoveResult::removed);
        slot.store(0);
      }
    }
  });
  std::thread reader([&] {
    while (!done) enumerate(kSegment * 0x2700, kSegment * 0x2800);
  });
  for (auto& owner : owners) owner.join();
  done = true;
  freer.join();
  reader.join();
  EXPECT_TRUE(enumerate(kSegment * 0x2700, kSegment * 0x2800).empty());
}

}  // namespace
}  // namespace weir::track
