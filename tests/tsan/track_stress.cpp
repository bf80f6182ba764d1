#include <atomic>

#include "core/guard.h"
#include "thread_stress.h"
#include "track/foreign_table.h"
#include "track/live_set.h"
#include "track/mapping_table.h"
#include "track/thread_counters.h"

namespace weir::stress {
namespace {

constexpr uintptr_t kSliceBytes = 65536;

// Pretended pool pages: one per slice of a pretended address range, whose blocks nobody touches.
constexpr uintptr_t kPagesStart = uintptr_t{0x500000000000};
constexpr size_t kBlockBytes = 64;

track::PageGeometry geometry_of(uintptr_t base) { return {base & ~(kSliceBytes - 1), kSliceBytes, kBlockBytes}; }

track::PageIdentity identity_of(uintptr_t base) {
  return {reinterpret_cast<const void*>(base & ~(kSliceBytes - 1)), kBlockBytes};
}

track::Block block_at(uintptr_t address, size_t bytes) {
  track::Block block;
  block.address = address;
  block.bytes = bytes;
  block.stack = static_cast<core::StackId>(bytes);
  block.state = track::BlockState::live;
  return block;
}

void count_block(void* count, const track::Block& block) {
  EXPECT(block.bytes > 0 && core::index_of(block.stack) == block.bytes);
  ++*static_cast<size_t*>(count);
}

size_t live_blocks() {
  size_t count = 0;
  track::for_each_live_block(&count_block, &count);
  return count;
}

}  // namespace

void stress_foreign_table() {
  in_threads([](int number) {
    for (uintptr_t i = 1; i <= 20000; ++i) {
      const uintptr_t address = (i * kThreads + static_cast<uintptr_t>(number)) * 16;
      EXPECT(track::foreign_insert(block_at(address, i)));
      track::Block found;
      EXPECT(track::foreign_find(address, &found) && found.bytes == i);
      if (i % 4 != 0) EXPECT(track::foreign_take(address, &found) && found.bytes == i);
    }
  });
  size_t left = 0;
  track::foreign_for_each(&count_block, &left);
  EXPECT(left == size_t{kThreads} * 20000 / 4);
}

// Each thread fills pages of its own; half of its blocks it hands to its neighbour, who frees them. One thread looks on.
void stress_live_set() {
  constexpr size_t kPages = 40, kBlocks = kSliceBytes / kBlockBytes;
  static std::atomic<size_t> pages_handed_over[kThreads];
  std::atomic<bool> stop{false};
  std::thread onlooker([&stop] {
    while (!stop.load()) live_blocks();
  });
  const auto block_of = [](int owner, size_t page, size_t index) {
    return kPagesStart + (static_cast<size_t>(owner) * kPages + page) * kSliceBytes + index * kBlockBytes;
  };
  in_threads([&](int number) {
    core::Guard guard;
    const int neighbour = (number + 1) % kThreads;
    track::Block removed;
    uintptr_t base = 0;
    for (size_t page = 0; page < kPages; ++page) {
      for (size_t i = 0; i < kBlocks; ++i) {
        const uintptr_t address = block_of(number, page, i);
        track::InsertedPlace place;
        EXPECT(track::insert_pool_block(guard.token(), address, identity_of(address), block_at(address, i % 60 + 1),
                                        &geometry_of, &place));
      }
      pages_handed_over[number].store(page + 1, std::memory_order_release);
      while (pages_handed_over[neighbour].load(std::memory_order_acquire) <= page) std::this_thread::yield();
      for (size_t i = 0; i < kBlocks; i += 2) {
        const uintptr_t address = block_of(neighbour, page, i);
        EXPECT(track::remove_block(guard.token(), address, &removed, &base) == track::RemoveResult::removed);
        EXPECT(removed.bytes == i % 60 + 1 && base == address);
      }
    }
  });
  stop.store(true);
  onlooker.join();
  EXPECT(live_blocks() == size_t{kThreads} * kPages * kBlocks / 2);
}

// Counters of stacks belong to all threads. A thread's own are plain words that others read at the report only, an event
// late at most: nobody looks on here.
void stress_counters() {
  constexpr uint64_t kEvents = 50000;
  in_threads([](int) {
    track::ThreadCounters* counters = track::create_thread_counters(core::ThreadId::unknown);
    EXPECT(counters != nullptr);
    for (uint64_t i = 0; i < kEvents; ++i) {
      const auto stack = static_cast<core::StackId>(i % 700);
      constexpr track::BlockClass kAnyClass{track::kSizeClasses - 1, 0, UINT32_MAX};
      track::count_alloc(*counters, stack, 100, kAnyClass, i);
      if (i % 2 == 0) track::count_free(*counters, stack, 0, 100, kAnyClass);
    }
    track::retire_thread_counters(counters);
  });
  const track::HostTotals totals = track::read_totals();
  EXPECT(totals.all.alloc_count == kThreads * kEvents && totals.all.free_count == kThreads * kEvents / 2);
  EXPECT(totals.all.live_bytes() == kThreads * kEvents / 2 * 100);
  uint64_t by_stack = 0;
  for (uint32_t id = 0; id < 700; ++id) by_stack += track::find_counters(static_cast<core::StackId>(id))->live_count();
  EXPECT(by_stack == kThreads * kEvents / 2);
}

// Each thread maps, cuts and unmaps in a range of its own; one thread looks on.
void stress_mapping_table() {
  constexpr uintptr_t kPage = 4096, kRange = uintptr_t{1} << 30;
  constexpr int kRounds = 3000;
  std::atomic<bool> stop{false};
  std::thread onlooker([&stop] {
    while (!stop.load()) {
      track::read_mapping_totals();
      track::for_each_mapping([](void*, const track::Mapping& mapping) { EXPECT(mapping.bytes > 0); }, nullptr);
    }
  });
  in_threads([](int number) {
    const uintptr_t range = kPagesStart + static_cast<uintptr_t>(number) * kRange;
    for (int round = 0; round < kRounds; ++round) {
      const uintptr_t address = range + static_cast<uintptr_t>(round) * 16 * kPage;
      track::Mapping mapping;
      mapping.address = address;
      mapping.bytes = 8 * kPage;
      mapping.protection = 3;
      track::insert_mapping(mapping);
      track::protect_mappings(address + kPage, kPage, 0);
      track::DetachedMappings middle = track::detach_mappings(address + 2 * kPage, kPage);
      if (round % 2 == 0) {
        track::forget_mappings(middle);
      } else {
        track::restore_mappings(middle, false);
      }
      track::Mapping found;
      EXPECT(track::find_mapping(address, &found) && found.address == address);
      EXPECT(track::find_mapping(address + 2 * kPage, &found) == (round % 2 != 0));
    }
  });
  stop.store(true);
  onlooker.join();
  const track::MappingTotals totals = track::read_mapping_totals();
  EXPECT(totals.all.map_count == uint64_t{kThreads} * kRounds);
  EXPECT(totals.all.live_bytes() == uint64_t{kThreads} * kPage * (8 * kRounds - kRounds / 2));
}

}  // namespace weir::stress
