#include "track/mapping_table.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace weir::track {
namespace {

constexpr size_t kPage = 4096;
constexpr uintptr_t kBase = 0x10000000000;

core::StackId stack_id(uint32_t id) { return static_cast<core::StackId>(id); }

Mapping mapping_of(uintptr_t address, size_t bytes, MappingKind kind = MappingKind::anonymous) {
  Mapping mapping;
  mapping.address = address;
  mapping.bytes = bytes;
  mapping.kind = kind;
  mapping.protection = PROT_READ | PROT_WRITE;
  mapping.stack = stack_id(7);
  return mapping;
}

void unmap(uintptr_t address, size_t bytes) {
  DetachedMappings detached = detach_mappings(address, bytes);
  forget_mappings(detached);
}

std::vector<Mapping> all_mappings() {
  std::vector<Mapping> result;
  for_each_mapping([](void* context, const Mapping& m) { static_cast<std::vector<Mapping>*>(context)->push_back(m); },
                   &result);
  return result;
}

class MappingTable : public testing::Test {
 protected:
  void SetUp() override { mapping_table_clear(); }
  void TearDown() override { mapping_table_clear(); }
};

TEST_F(MappingTable, PartialUnmapLeavesBothEndsWithTheirStackAndOffset) {
  Mapping mapping = mapping_of(kBase, 10 * kPage, MappingKind::file);
  mapping.offset = 100 * kPage;
  mapping.file = intern_mapped_file("/some/file", 10);
  insert_mapping(mapping);
  unmap(kBase + 3 * kPage, 4 * kPage);
  const auto rest = all_mappings();
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].bytes, 3 * kPage);
  EXPECT_EQ(rest[1].address, kBase + 7 * kPage);
  EXPECT_EQ(rest[1].bytes, 3 * kPage);
  EXPECT_EQ(rest[1].offset, 107 * kPage);
  EXPECT_EQ(rest[1].stack, stack_id(7));
  EXPECT_FALSE(rest[0].continues);
  EXPECT_TRUE(rest[1].continues);
  const MappingTotals totals = read_mapping_totals();
  EXPECT_EQ(totals.all.live_bytes(), 6 * kPage);
  EXPECT_EQ(totals.all.peak_bytes, 10 * kPage);
  EXPECT_EQ(totals.all.map_count, 1U);
  EXPECT_EQ(totals.kinds[static_cast<size_t>(MappingKind::file)].live_count, 2U);
  EXPECT_EQ(mapping.file->mapped_bytes, 6 * kPage);
  EXPECT_EQ(mapping.file->mapped_peak_bytes, 10 * kPage);
}

TEST_F(MappingTable, InsertReplacesWhatWasThere) {
  insert_mapping(mapping_of(kBase, 4 * kPage));
  Mapping over = mapping_of(kBase + kPage, 6 * kPage, MappingKind::shared_anonymous);
  over.stack = stack_id(9);
  insert_mapping(over);
  const auto found = all_mappings();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].bytes, kPage);
  EXPECT_EQ(found[1].bytes, 6 * kPage);
  EXPECT_EQ(found[1].stack, stack_id(9));
  EXPECT_EQ(read_mapping_totals().all.live_bytes(), 7 * kPage);
}

TEST_F(MappingTable, ProtectTellsReservedFromCommittedAndLeavesNoCrumbs) {
  Mapping mapping = mapping_of(kBase, 100 * kPage);
  mapping.protection = PROT_NONE;
  insert_mapping(mapping);
  EXPECT_EQ(read_mapping_totals().all.reserved_bytes, 100 * kPage);
  protect_mappings(kBase + 10 * kPage, 20 * kPage, PROT_READ | PROT_WRITE);
  EXPECT_EQ(read_mapping_totals().all.reserved_bytes, 80 * kPage);
  EXPECT_EQ(read_mapping_totals().all.committed_bytes(), 20 * kPage);
  EXPECT_EQ(all_mappings().size(), 3U);
  for (size_t page = 10; page < 30; ++page) protect_mappings(kBase + page * kPage, kPage, PROT_NONE);
  EXPECT_EQ(all_mappings().size(), 1U);
  EXPECT_EQ(read_mapping_totals().all.reserved_bytes, 100 * kPage);
  EXPECT_EQ(read_mapping_totals().all.live_count, 1U);
}

TEST_F(MappingTable, NeighboursOfOneStackAreNotJoined) {
  insert_mapping(mapping_of(kBase, kPage));
  insert_mapping(mapping_of(kBase + kPage, kPage));
  protect_mappings(kBase, 2 * kPage, PROT_READ);
  EXPECT_EQ(all_mappings().size(), 2U);
}

TEST_F(MappingTable, RestoredAfterFailureAsIfNeverDetached) {
  insert_mapping(mapping_of(kBase, 10 * kPage));
  const MappingTotals before = read_mapping_totals();
  DetachedMappings detached = detach_mappings(kBase + 2 * kPage, 3 * kPage);
  Mapping first;
  ASSERT_TRUE(first_detached(detached, &first));
  EXPECT_EQ(first.address, kBase + 2 * kPage);
  EXPECT_EQ(all_mappings().size(), 2U);
  restore_mappings(detached, false);
  EXPECT_EQ(detached.first, nullptr);
  const MappingTotals after = read_mapping_totals();
  EXPECT_EQ(memcmp(&before, &after, sizeof before), 0);
  EXPECT_EQ(all_mappings().size(), 1U);
}

// The reuse race: the address was another thread's before the failed call put its pieces back.
TEST_F(MappingTable, RestoreKeepsWhatAnotherThreadMappedMeanwhile) {
  insert_mapping(mapping_of(kBase, 10 * kPage));
  DetachedMappings detached = detach_mappings(kBase, 10 * kPage);
  Mapping other = mapping_of(kBase + 4 * kPage, 2 * kPage, MappingKind::sysv);
  other.stack = stack_id(8);
  insert_mapping(other);
  restore_mappings(detached, false);
  const auto found = all_mappings();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].bytes, 4 * kPage);
  EXPECT_EQ(found[1].stack, stack_id(8));
  EXPECT_EQ(found[2].address, kBase + 6 * kPage);
  EXPECT_EQ(read_mapping_totals().all.live_bytes(), 10 * kPage);
  EXPECT_EQ(read_mapping_totals().all.live_count, 3U);
}

TEST_F(MappingTable, RestoreDropsWhatTheKernelNoLongerMaps) {
  char* there = static_cast<char*>(mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(there, MAP_FAILED);
  const auto address = reinterpret_cast<uintptr_t>(there);
  insert_mapping(mapping_of(address, kPage));
  insert_mapping(mapping_of(address + kPage, kPage));
  DetachedMappings detached = detach_mappings(address, 2 * kPage);
  munmap(there, kPage);
  restore_mappings(detached, true);
  const auto found = all_mappings();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].address, address + kPage);
  munmap(there + kPage, kPage);
}

TEST_F(MappingTable, SegmentIsDetachedWhereverItsPiecesEnd) {
  insert_mapping(mapping_of(kBase, 8 * kPage, MappingKind::sysv));
  insert_mapping(mapping_of(kBase + 8 * kPage, kPage, MappingKind::sysv));
  unmap(kBase + kPage, kPage);
  protect_mappings(kBase + 4 * kPage, kPage, PROT_READ);
  DetachedMappings detached = detach_attached_segment(kBase);
  forget_mappings(detached);
  const auto found = all_mappings();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].address, kBase + 8 * kPage);
}

TEST_F(MappingTable, FilesOfOnePathAreOne) {
  MappedFile* one = intern_mapped_file("/a/b", 4);
  EXPECT_EQ(intern_mapped_file("/a/b and more", 4), one);
  EXPECT_NE(intern_mapped_file("/a/c", 4), one);
  EXPECT_STREQ(one->path, "/a/b");
}

TEST_F(MappingTable, ResidencyIsTheKernels) {
  constexpr size_t kPages = 64;
  char* memory = static_cast<char*>(
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, kPages * kPage, MADV_NOHUGEPAGE);
  for (size_t page = 0; page < 10; ++page) memory[page * kPage] = 1;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  // Two intervals in one area of the kernel's, so that neither has the kernel's figure to itself.
  insert_mapping(mapping_of(address, 8 * kPage));
  insert_mapping(mapping_of(address + 8 * kPage, (kPages - 8) * kPage));
  ASSERT_TRUE(measure_residency());
  auto found = all_mappings();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].resident_bytes, 8 * kPage);
  EXPECT_EQ(found[1].resident_bytes, 2 * kPage);
  EXPECT_EQ(read_mapping_totals().all.resident_bytes, 10 * kPage);
  ASSERT_TRUE(measure_residency());  // again: not added twice
  EXPECT_EQ(read_mapping_totals().all.resident_bytes, 10 * kPage);
  munmap(memory, kPages * kPage);
}

TEST_F(MappingTable, ResidencyDropsWhatWasUnmappedUnseen) {
  char* memory =
      static_cast<char*>(mmap(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  insert_mapping(mapping_of(reinterpret_cast<uintptr_t>(memory), 8 * kPage));
  munmap(memory + 2 * kPage, 3 * kPage);
  ASSERT_TRUE(measure_residency());
  EXPECT_EQ(all_mappings().size(), 2U);
  EXPECT_EQ(read_mapping_totals().all.live_bytes(), 5 * kPage);
  munmap(memory, 8 * kPage);
}

TEST_F(MappingTable, ResidencyOfAFileByPath) {
  char path[] = "/tmp/weir_mapping_test_XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(ftruncate(fd, 16 * kPage), 0);
  char* memory = static_cast<char*>(mmap(nullptr, 16 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ASSERT_NE(memory, MAP_FAILED);
  for (size_t page = 0; page < 5; ++page) memory[page * kPage] = 1;
  Mapping mapping = mapping_of(reinterpret_cast<uintptr_t>(memory), 16 * kPage, MappingKind::file);
  mapping.file = intern_mapped_file(path, strlen(path));
  insert_mapping(mapping);
  ASSERT_TRUE(measure_residency());
  EXPECT_EQ(mapping.file->resident_bytes, 5 * kPage);
  munmap(memory, 16 * kPage);
  close(fd);
  unlink(path);
}

TEST_F(MappingTable, HundredThousandMappings) {
  constexpr size_t kCount = 100000;
  for (size_t i = 0; i < kCount; ++i) insert_mapping(mapping_of(kBase + (i * 7919 % kCount) * 2 * kPage, kPage));
  EXPECT_EQ(read_mapping_totals().all.live_count, kCount);
  for (size_t i = 0; i < kCount; i += 2) unmap(kBase + i * 2 * kPage, kPage);
  EXPECT_EQ(all_mappings().size(), kCount / 2);
  unmap(kBase, kCount * 2 * kPage);
  EXPECT_EQ(read_mapping_totals().all.live_bytes(), 0U);
  EXPECT_EQ(read_mapping_totals().untracked_count, 0U);
}

TEST_F(MappingTable, ForkedChildStartsEmpty) {
  insert_mapping(mapping_of(kBase, kPage));
  mapping_table_reset_after_fork();
  EXPECT_TRUE(all_mappings().empty());
  EXPECT_EQ(read_mapping_totals().all.map_count, 0U);
  insert_mapping(mapping_of(kBase, kPage));
  EXPECT_EQ(all_mappings().size(), 1U);
}

// ---- Against a model: every page with what was last said of it ----

struct PageModel {
  uint32_t stack = 0;  // 0: not mapped. Each mapping has a stack of its own, so it names the mapping
  int protection = 0;
  MappingKind kind = MappingKind::anonymous;
  uint64_t offset = 0;
  bool operator==(const PageModel& other) const = default;
};

class Model {
 public:
  static constexpr size_t kPages = 200;

  explicit Model(unsigned seed) : random_(seed) {}

  void step() {
    const auto [from, count] = range();
    switch (pick(8)) {
      case 0:
      case 1:
        map(from, count);
        break;
      case 2:
        unmap_range(from, count);
        break;
      case 3:
        fail_unmap(from, count);
        break;
      case 4:
        protect(from, count);
        break;
      case 5:
        remap(from, count);
        break;
      case 6:
        race(from, count);
        break;
      default:
        unmap_range(from, 1 + count / 4);
        break;
    }
  }

  void check() const {
    std::vector<PageModel> seen(kPages);
    uint64_t bytes = 0, reserved = 0, intervals = 0;
    uintptr_t end_before = 0;
    for (const Mapping& mapping : all_mappings()) {
      ASSERT_GE(mapping.address, end_before);
      end_before = mapping.end();
      bytes += mapping.bytes;
      reserved += mapping.reserved() ? mapping.bytes : 0;
      ++intervals;
      for (size_t i = 0; i < mapping.bytes / kPage; ++i) {
        seen.at((mapping.address - kBase) / kPage + i) = {static_cast<uint32_t>(mapping.stack), mapping.protection,
                                                          mapping.kind, mapping.offset + i * kPage};
      }
    }
    ASSERT_EQ(seen, pages_);
    const MappingTotals totals = read_mapping_totals();
    ASSERT_EQ(totals.all.live_bytes(), bytes);
    ASSERT_EQ(totals.all.reserved_bytes, reserved);
    ASSERT_EQ(totals.all.live_count, intervals);
    uint64_t sum = 0;
    for (const MappingFigures& figures : totals.kinds) sum += figures.live_bytes();
    ASSERT_EQ(sum, bytes);
    ASSERT_EQ(intervals, runs());
  }

 private:
  // The intervals that the pages form: cut where the mapping, its protection or its offset does not go on. Only a hole's or a
  // replaced range's two sides are of one mapping and apart.
  uint64_t runs() const {
    uint64_t count = 0;
    for (size_t i = 0; i < kPages; ++i) {
      const PageModel& page = pages_[i];
      if (page.stack == 0) continue;
      const bool goes_on = i > 0 && pages_[i - 1].stack == page.stack && pages_[i - 1].protection == page.protection &&
                           pages_[i - 1].offset + kPage == page.offset;
      count += !goes_on;
    }
    return count;
  }

  size_t pick(size_t below) { return random_() % below; }
  std::pair<size_t, size_t> range() {
    const size_t from = pick(kPages);
    return {from, 1 + pick(std::min<size_t>(kPages - from, 40))};
  }
  static uintptr_t address(size_t page) { return kBase + page * kPage; }

  void map(size_t from, size_t count) {
    Mapping mapping = mapping_of(address(from), count * kPage, static_cast<MappingKind>(pick(kMappingKinds)));
    mapping.protection = pick(3) == 0 ? PROT_NONE : PROT_READ;
    mapping.offset = pick(1000) * kPage;
    mapping.stack = stack_id(++last_stack_);
    insert_mapping(mapping);
    for (size_t i = 0; i < count; ++i) {
      pages_[from + i] = {last_stack_, mapping.protection, mapping.kind, mapping.offset + i * kPage};
    }
  }
  void unmap_range(size_t from, size_t count) {
    count = std::min(count, kPages - from);
    unmap(address(from), count * kPage);
    for (size_t i = 0; i < count; ++i) pages_[from + i] = {};
  }
  void fail_unmap(size_t from, size_t count) {
    DetachedMappings detached = detach_mappings(address(from), count * kPage);
    restore_mappings(detached, false);
  }
  void protect(size_t from, size_t count) {
    const int protection = pick(2) == 0 ? PROT_NONE : PROT_READ;
    protect_mappings(address(from), count * kPage, protection);
    for (size_t i = 0; i < count; ++i) {
      if (pages_[from + i].stack != 0) pages_[from + i].protection = protection;
    }
  }
  // As the hook does it: the old range leaves, one new mapping arrives elsewhere.
  void remap(size_t from, size_t count) {
    const auto [to, new_count] = range();
    DetachedMappings target = detach_mappings(address(to), new_count * kPage);
    DetachedMappings origin = detach_mappings(address(from), count * kPage);
    forget_mappings(origin);
    forget_mappings(target);
    for (size_t i = 0; i < count; ++i) pages_[from + i] = {};
    map(to, new_count);
  }
  // Another thread maps into the range between a detach and its failure.
  void race(size_t from, size_t count) {
    DetachedMappings detached = detach_mappings(address(from), count * kPage);
    const auto [to, new_count] = range();
    map(to, new_count);
    restore_mappings(detached, false);
  }

  std::mt19937 random_;
  std::vector<PageModel> pages_ = std::vector<PageModel>(kPages);
  uint32_t last_stack_ = 0;
};

TEST_F(MappingTable, AgreesWithAPageModel) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    mapping_table_clear();
    Model model(seed);
    for (int step = 0; step < 2000; ++step) {
      model.step();
      model.check();
      if (HasFatalFailure()) return;
    }
  }
}

// Threads that map, unmap and meet each other's addresses: what is live at the end is what the table has.
TEST_F(MappingTable, ThreadsLoseAndDoubleNothing) {
  constexpr int kThreads = 4, kRounds = 3000;
  std::atomic<uint64_t> kept_bytes{0};
  std::vector<std::vector<std::pair<void*, size_t>>> kept(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &kept_bytes, &kept] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int round = 0; round < kRounds; ++round) {
        const size_t bytes = (1 + random() % 4) * kPage;
        void* memory = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) abort();
        insert_mapping(mapping_of(reinterpret_cast<uintptr_t>(memory), bytes));
        if (round % 100 == 0) {
          kept_bytes += bytes;
          kept[static_cast<size_t>(t)].emplace_back(memory, bytes);
          continue;
        }
        DetachedMappings detached = detach_mappings(reinterpret_cast<uintptr_t>(memory), bytes);
        munmap(memory, bytes);
        forget_mappings(detached);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const MappingTotals totals = read_mapping_totals();
  EXPECT_EQ(totals.all.live_bytes(), kept_bytes);
  EXPECT_EQ(totals.all.live_count, kThreads * kRounds / 100U);
  EXPECT_EQ(totals.all.map_count, static_cast<uint64_t>(kThreads * kRounds));
  EXPECT_EQ(all_mappings().size(), totals.all.live_count);
  for (auto& list : kept) {
    for (const auto& [memory, bytes] : list) munmap(memory, bytes);
  }
}

}  // namespace
}  // namespace weir::track
