// An index from hashes to numbers, such as those of stack nodes: what is numbered is kept elsewhere, and compared there in full.
// Readers take no lock; it grows a page at a time, so that no insertion moves more than a page and no outgrown table is left
// over. Inside src/stack only.
//
// The hash chooses a page by way of a directory (extendible hashing) and a first slot of the page; a slot holds a number and five
// more bits of the hash, so that what is numbered is looked at only where it probably is the one. A full page is split in two. The
// directory is entered by a bent hash: pages at one end of it fill twice as fast as at the other, so that they are split one after
// the other all the while, and not all at the same time. So at any size a slot is taken by 0.65 numbers on average, 6.2 bytes each.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/arena.h"

namespace weir::stack {

class PagedIndex {
 public:
  static constexpr int kNumberBits = 27;
  static constexpr uint32_t kMostNumbers = uint32_t{1} << kNumberBits;

  // The number of this hash for which matches(number) holds, or 0. Any thread, any time. While others insert it may miss what is
  // there; a writer looks again. matches() may be asked about any number: one that was never added as well.
  template <class Matches>
  uint32_t find(uint64_t hash, Matches matches) const {
    const uint64_t packed = directory_.load(std::memory_order_acquire);
    if (packed == 0) [[unlikely]]
      return 0;
    const Page& page = *Directory(packed).entry_of(hash).load(std::memory_order_acquire);
    const uint32_t tag = tag_of(hash);
    for (uint32_t i = first_slot_of(hash), looked_at = 0; looked_at < kSlots; ++looked_at) {
      const uint32_t slot = page.slots[i].load(std::memory_order_acquire);
      if (slot == 0) return 0;
      if ((slot & kTagMask) == tag && matches(slot & kNumberMask)) return slot & kNumberMask;
      if (++i == kSlots) i = 0;
    }
    return 0;
  }

  // Has the slots brought to the cache that find() looks at first.
  void fetch(uint64_t hash) const {
    const uint64_t packed = directory_.load(std::memory_order_acquire);
    if (packed == 0) [[unlikely]]
      return;
    const Page& page = *Directory(packed).entry_of(hash).load(std::memory_order_acquire);
    __builtin_prefetch(&page.slots[first_slot_of(hash)]);
  }

  // Adds a number from 1 to kMostNumbers - 1 that find() does not find. Under the writers' lock. False where there is no memory. A
  // fork between any two steps leaves the child an index that has all numbers.
  //
  // numbered: what is known of any number added. numbered.hash_of(number); before that numbered.fetch(number) is called for all of a
  // page, to have what hash_of() reads brought to the cache.
  template <class Numbered>
  bool add(uint64_t hash, uint32_t number, const Numbered& numbered) {
    if (!begin()) return false;
    while (page_of(hash).used >= kFull) {
      if (!split(hash, numbered)) break;
    }
    Page& page = page_of(hash);
    if (page.used >= kSlots - 1) return false;
    put(page, hash, number);
    return true;
  }

  // Of pages and directories. Any thread.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kSlots = 255, kFull = 235;
  static constexpr uint32_t kNumberMask = kMostNumbers - 1, kTagMask = ~kNumberMask;
  static constexpr uint32_t kPlaceBits = 30, kLargestLog = 24;
  static constexpr int kLogShift = 56;

  struct Page {
    std::atomic<uint32_t> slots[kSlots];  // tag and number, 0 where free
    uint32_t used;                        // the writers'
  };
  static_assert(sizeof(Page) == 1024);
  using Entry = std::atomic<Page*>;

  // The directory and its size in one word, so that readers see both of the same. Outgrown ones stay readable and together are
  // smaller than the one in use, which has 8 bytes for a hundred numbers.
  struct Directory {
    Entry* entries;
    uint32_t log;

    explicit Directory(uint64_t packed)
        : entries(reinterpret_cast<Entry*>(packed & ((uint64_t{1} << kLogShift) - 1))),
          log(static_cast<uint32_t>(packed >> kLogShift)) {}
    uint64_t size() const { return uint64_t{1} << log; }
    uint64_t index_of(uint64_t hash) const { return place_of(hash) >> (kPlaceBits - log); }
    Entry& entry_of(uint64_t hash) const { return entries[index_of(hash)]; }
  };

  // u (4 - u) / 3 of the hash's highest bits as a fraction u, which keeps their order: in 30 bits.
  static uint64_t place_of(uint64_t hash) {
    const uint64_t fraction = hash >> (64 - kPlaceBits);
    return ((fraction * ((uint64_t{4} << kPlaceBits) - fraction)) >> kPlaceBits) / 3;
  }
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash) << kNumberBits; }
  static uint32_t first_slot_of(uint64_t hash) { return static_cast<uint32_t>(((hash >> 8) & 0xffff) * kSlots >> 16); }

  Page& page_of(uint64_t hash) const {
    return *Directory(directory_.load(std::memory_order_relaxed)).entry_of(hash).load(std::memory_order_relaxed);
  }

  static void put(Page& page, uint64_t hash, uint32_t number) {
    uint32_t i = first_slot_of(hash);
    while (page.slots[i].load(std::memory_order_relaxed) != 0) i = i + 1 == kSlots ? 0 : i + 1;
    ++page.used;
    page.slots[i].store(tag_of(hash) | number, std::memory_order_release);
  }

  // Distributes the hash's page over two new ones, then names these in the directory. False where there is no memory, or where no
  // more of the hash is left to tell the page's numbers apart.
  template <class Numbered>
  bool split(uint64_t hash, const Numbered& numbered) {
    Run run = run_of(hash);
    if (run.end - run.begin < 2) {
      if (!double_directory()) return false;
      run = run_of(hash);
    }
    Page* low = new_page();
    Page* high = low == nullptr ? nullptr : new_page();
    if (high == nullptr) {
      spare_ = low;
      return false;
    }
    const Directory directory(directory_.load(std::memory_order_relaxed));
    Page* full = directory.entries[run.begin].load(std::memory_order_relaxed);
    const uint64_t middle = (run.begin + run.end) / 2;
    for_each(*full, [&](uint32_t number) { numbered.fetch(number); });
    for_each(*full, [&](uint32_t number) {
      const uint64_t its_hash = numbered.hash_of(number);
      put(directory.index_of(its_hash) < middle ? *low : *high, its_hash, number);
    });
    for (uint64_t i = run.begin; i < run.end; ++i) {
      directory.entries[i].store(i < middle ? low : high, std::memory_order_release);
    }
    spare_ = full;
    return true;
  }

  template <class Visit>
  static void for_each(const Page& page, Visit visit) {
    for (const std::atomic<uint32_t>& slot : page.slots) {
      const uint32_t number = slot.load(std::memory_order_relaxed) & kNumberMask;
      if (number != 0) visit(number);
    }
  }

  // The directory's entries that name the hash's page.
  struct Run {
    uint64_t begin, end;
  };
  Run run_of(uint64_t hash) const {
    const Directory directory(directory_.load(std::memory_order_relaxed));
    const uint64_t index = directory.index_of(hash);
    const Page* page = directory.entries[index].load(std::memory_order_relaxed);
    Run run{index, index + 1};
    while (run.begin > 0 && directory.entries[run.begin - 1].load(std::memory_order_relaxed) == page) --run.begin;
    while (run.end < directory.size() && directory.entries[run.end].load(std::memory_order_relaxed) == page) ++run.end;
    return run;
  }

  bool begin();
  bool double_directory();
  Page* new_page();

  std::atomic<uint64_t> directory_{0};
  std::atomic<size_t> bytes_{0};
  Page* spare_ = nullptr;  // given up by the latest split; a reader may still be in it
  uint64_t page_count_ = 0;
};

}  // namespace weir::stack
