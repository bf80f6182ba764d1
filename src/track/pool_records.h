// Dense records of pool blocks: one array of 16-byte records per pool page, found through a directory of the address space.
//
//   address -> 32 MiB unit (two-level radix) -> 64 KiB slice -> PageRecords -> record of the block that holds the address
//
// A page's array belongs to the page for as long as the pool keeps that page; a slot that the pool gives to a page of another
// shape gets another array. Arrays are type-stable (core/arena.h), so that a racing look-up of a stale pointer reads old
// records and never faults.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "track/live_set.h"
#include "track/record.h"
#include "track/sampling.h"

namespace weir::track {

inline constexpr int kUnitShift = 25;   // the pool's segments are aligned to 32 MiB
inline constexpr int kSliceShift = 16;  // and made of slices of 64 KiB
inline constexpr size_t kSlicesPerUnit = size_t{1} << (kUnitShift - kSliceShift);
inline constexpr int kAddressBits = 47;
inline constexpr int kReciprocalShift = 44;
// The first records lie beside the page's description, so that a thread with a few blocks of each size touches little memory.
inline constexpr size_t kInlineRecords = 32;

struct AtomicRecord {
  std::atomic<uint64_t> word0;
  std::atomic<uint64_t> word1;
};
static_assert(sizeof(AtomicRecord) == sizeof(Record));

// What an event reads of it lies on one cache line.
struct PageRecords {
  uintptr_t
      start;  // first: the arena writes over the first word of what is given back, and racing look-ups may still read it
  uint64_t reciprocal;  // ceil(2^44 / block_bytes), exact for the pool's page sizes; 0 for a page of one block
  std::atomic<const void*> page;  // the pool's page object; nullptr once a part of it serves another page
  // Records of blocks below and from kInlineRecords on, each biased so that the block's own index applies to it.
  std::atomic<AtomicRecord*> records[2];
  BlockClass block_class;
  uint32_t block_bytes32;                 // block_bytes, or 0 where it does not fit
  std::atomic<uint32_t> records_at_hand;  // blocks below this index have records: kInlineRecords or all
  std::atomic<uint32_t> live_records;     // where the process samples: blocks of the page whose records say live

  size_t block_bytes;
  uint32_t block_count;
  uint32_t slices_held;               // directory entries that name this array; at 0 it is reused
  std::atomic<uint64_t> large_bytes;  // requested bytes where a record cannot hold them
  size_t allocated_bytes;             // of this description with its inline records
  // Of a leak check: the place of the first block among its marks, valid in the round of that number.
  uint32_t first_mark;
  uint32_t mark_round;
};
static_assert(offsetof(PageRecords, block_bytes) <= 64);
static_assert(offsetof(PageRecords, start) == 0);

inline size_t bytes_of(const PageRecords& page) { return page.block_count * page.block_bytes; }
inline bool holds(const PageRecords& page, uintptr_t address) { return address - page.start < bytes_of(page); }

// Index of the block that holds `address`, which must lie in the page.
inline uint32_t block_index(const PageRecords& page, uintptr_t address) {
  return static_cast<uint32_t>(((address - page.start) * page.reciprocal) >> kReciprocalShift);
}

// Of a block that has a record at hand.
[[gnu::always_inline]] inline AtomicRecord* record_below(const PageRecords& page, uint32_t index) {
  return page.records[index >= kInlineRecords].load(std::memory_order_relaxed) + index;
}

[[gnu::always_inline]] inline AtomicRecord* record_at(const PageRecords& page, uint32_t index) {
  if (index >= page.records_at_hand.load(std::memory_order_acquire)) [[unlikely]]
    return nullptr;
  return record_below(page, index);
}

namespace detail {

inline constexpr int kRadixBits = (kAddressBits - kUnitShift) / 2;
inline constexpr size_t kRadixEntries = size_t{1} << kRadixBits;
inline constexpr uintptr_t kSpanTag = 1;  // the unit lies wholly inside one page: the entry is that PageRecords, tagged

struct Unit {
  uintptr_t number;  // address >> kUnitShift; first, as PageRecords::start is
  std::atomic<PageRecords*> slices[kSlicesPerUnit];
};
static_assert(offsetof(Unit, number) == 0);
struct Middle {
  std::atomic<uintptr_t> units[kRadixEntries];
};
extern std::atomic<Middle*> directory[kRadixEntries];

// The slices of the units met last, by the low bits of the units' numbers: 32 GiB of consecutive addresses fit. Not the units
// themselves: an index into what a pointer leads to takes one addition less.
inline constexpr size_t kRecentUnits = 1024;
extern std::atomic<const std::atomic<PageRecords*>*> recent_slices[kRecentUnits];

[[gnu::always_inline]] inline uintptr_t number_of_unit(const std::atomic<PageRecords*>* slices) {
  return reinterpret_cast<const Unit*>(reinterpret_cast<uintptr_t>(slices) - offsetof(Unit, slices))->number;
}

PageRecords* find_page_in_directory(uintptr_t address);  // makes the unit a recent one

inline size_t slice_of(uintptr_t address) { return (address >> kSliceShift) & (kSlicesPerUnit - 1); }

}  // namespace detail

// The page whose records describe `address`, where its unit is a recent one; else nullptr. Any address. Cost: three loads.
[[gnu::always_inline]] inline PageRecords* find_recent_page(uintptr_t address) {
  const uintptr_t number = address >> kUnitShift;
  const auto* slices = detail::recent_slices[number % detail::kRecentUnits].load(std::memory_order_acquire);
  if (slices == nullptr || detail::number_of_unit(slices) != number) [[unlikely]]
    return nullptr;
  return slices[detail::slice_of(address)].load(std::memory_order_acquire);
}

// The page whose records describe `address`, or nullptr. Any address.
inline PageRecords* find_page(uintptr_t address) {
  PageRecords* page = find_recent_page(address);
  return page != nullptr ? page : detail::find_page_in_directory(address);
}

// Whether `page`, which may be nullptr, still is that of the pool's page.
inline bool same_page(const PageRecords* page, const PageIdentity& identity) {
  return page != nullptr && page->page.load(std::memory_order_relaxed) == identity.page &&
         page->block_bytes == identity.block_bytes;
}

// The page for an insertion at `base`: made, or made anew, where the pool's page is not the one that is known.
// nullptr where memory ran out.
PageRecords* page_for_insert(uintptr_t base, const PageIdentity& identity, GeometryOf geometry, bool* new_page);

// The record of a block, with memory for it made where there is none. nullptr where memory ran out.
AtomicRecord* record_for_insert(PageRecords& page, uint32_t index);

// Where the process samples: whether the block that holds `address`, of that page, has a live record. Most pages have none.
[[gnu::always_inline]] inline bool has_live_record(const PageRecords& page, uintptr_t address) {
  if (page.live_records.load(std::memory_order_relaxed) == 0) [[likely]]
    return false;
  const AtomicRecord* record = record_at(page, block_index(page, address));
  return record != nullptr && is_live(state_of(record->word1.load(std::memory_order_relaxed)));
}

namespace detail {
extern size_t front_bytes;  // set_front_bytes()
}

inline uintptr_t block_base(const PageRecords& page, uint32_t index) { return page.start + index * page.block_bytes; }

// Where the program's pointer lies in a block: the base, or the aligned address at which Weir put an aligned block.
inline uintptr_t user_address(uintptr_t base, uint8_t align_log2) {
  const uintptr_t mask = (uintptr_t{1} << align_log2) - 1;
  return (base + detail::front_bytes + mask) & ~mask;  // guard: aligned-block-index
}

// What a record tells of the block of that index, written to its place at once: a copy of the whole waits until all its parts, and
// what was written before them, have reached the cache.
[[gnu::always_inline]] inline void load_record(const PageRecords& page, uint32_t index, const AtomicRecord& record,
                                               Block* block) {
  const uint64_t word1 = record.word1.load(std::memory_order_acquire);
  unpack({record.word0.load(std::memory_order_relaxed), word1}, block);
  if (block->bytes == kSizeElsewhere) [[unlikely]]
    block->bytes = page.large_bytes.load(std::memory_order_relaxed);
  block->address = user_address(block_base(page, index), block->align_log2);
}

// Calls take(const Block&) with the live block of that index; not where the block is not live, or only stands for one (sampling.h).
// Returns whether it did.
template <class Take>
[[gnu::always_inline]] inline bool read_live_block(const PageRecords& page, uint32_t index, const Take& take) {
  const AtomicRecord* record = record_at(page, index);
  if (record == nullptr || !is_live(state_of(record->word1.load(std::memory_order_acquire)))) return false;
  Block block;
  load_record(page, index, *record, &block);
  if (!is_live(block.state) || is_placeholder(block)) return false;
  take(block);
  return true;
}

void for_each_page(void (*visit)(void* context, PageRecords& page), void* context);

// The same, and the pool gives none of the pages' memory back meanwhile.
void for_each_page_that_stays(void (*visit)(void* context, PageRecords& page), void* context);

// The pool gave this range back to the kernel: whatever is mapped there next is not the pool's.
void forget_pool_range(uintptr_t start, size_t bytes);

void pool_records_reset_after_fork();

}  // namespace weir::track
