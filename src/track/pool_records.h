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

struct PageRecords {
  uintptr_t start;
  uint64_t reciprocal;  // ceil(2^44 / block_bytes): index = offset * reciprocal >> 44, exact for the pool's page sizes
  std::atomic<const void*> page;  // the pool's page object; nullptr once a slice of it serves another page
  size_t block_bytes;
  // Records of blocks below and from kInlineRecords on, each biased so that the block's own index applies to it.
  std::atomic<AtomicRecord*> records[2];
  uint32_t block_count;
  uint8_t class_index;
  uint32_t slices_held;               // directory entries that name this array; at 0 it is reused
  std::atomic<uint64_t> large_bytes;  // requested bytes where a record cannot hold them
  size_t allocated_bytes;             // of this description with its inline records
  uintptr_t end() const { return start + block_bytes * block_count; }
};

// Index of the block that holds `address`. The address must lie in [start, end).
inline uint32_t block_index(const PageRecords& page, uintptr_t address) {
  if (page.block_count == 1) return 0;
  return static_cast<uint32_t>(((address - page.start) * page.reciprocal) >> kReciprocalShift);
}

inline AtomicRecord* record_at(const PageRecords& page, uint32_t index) {
  AtomicRecord* records = page.records[index >= kInlineRecords].load(std::memory_order_acquire);
  return records == nullptr ? nullptr : records + index;
}

// The page whose records describe `address`, or nullptr. Any address.
PageRecords* find_page(uintptr_t address);

// The page for an insertion at `base`: made, or made anew, where the pool's page is not the one that is known.
// nullptr where memory ran out.
PageRecords* page_for_insert(uintptr_t base, const PageIdentity& identity, GeometryOf geometry, bool* new_page);

// The record of a block, with memory for it made where there is none. nullptr where memory ran out.
AtomicRecord* record_for_insert(PageRecords& page, uint32_t index);

void for_each_page(void (*visit)(void* context, PageRecords& page), void* context);

// The pool gave this range back to the kernel: whatever is mapped there next is not the pool's.
void forget_pool_range(uintptr_t start, size_t bytes);

void pool_records_reset_after_fork();

}  // namespace weir::track
