// The live set's part of the plain path (runtime/plain_path.cpp): blocks that start where their pool block starts, whose page is
// known and whose size fits a record. Whatever else an event may meet is live_set.h's.
#pragma once

#include <cstdint>

#include "track/pool_records.h"
#include "track/record.h"

namespace weir::track {

static_assert(static_cast<uint64_t>(BlockState::freed) == static_cast<uint64_t>(BlockState::live) + 1);

// A live block, found by the program's pointer.
struct PlainBlock {
  PageRecords* page;  // nullptr: not found here, or not plain
  AtomicRecord* record;
  uint32_t bytes;
  core::StackId stack;
  uint64_t word1;
};

// The block that starts at `address`. Cost: eight loads, a multiplication by the page's reciprocal and one back.
[[gnu::always_inline]] inline PlainBlock find_plain_block(uintptr_t address) {
  constexpr uint64_t kStateAndAlign = kStateMask | ((uint64_t{1} << kAlignBits) - 1) << kAlignShift;
  PageRecords* page = find_recent_page(address);
  if (page == nullptr) [[unlikely]]
    return {};
  const uint32_t index = block_index(*page, address);  // of any block, where the page does not hold the address
  if (index >= page->records_at_hand.load(std::memory_order_acquire)) [[unlikely]]
    return {};
  if (page->start + uint64_t{index} * page->block_bytes32 != address) [[unlikely]]
    return {};
  AtomicRecord* record = record_below(*page, index);
  const uint64_t word1 = record->word1.load(std::memory_order_acquire);
  const uint64_t word0 = record->word0.load(std::memory_order_relaxed);
  const auto bytes = static_cast<uint32_t>(word0);
  if ((word1 & kStateAndAlign) != static_cast<uint64_t>(BlockState::live)) [[unlikely]]
    return {};
  if (page->block_class.displaces_small(bytes)) [[unlikely]]
    return {};
  return {page, record, bytes, stack_of(word0), word1};
}

inline Family family_of(uint64_t word1) {
  return static_cast<Family>((word1 >> kFamilyShift) & ((uint64_t{1} << kFamilyBits) - 1));
}

// Of a record that was written by mark_live(): whether its block is live still. word1 is the record's.
inline bool is_plain_live(uint64_t word1) {
  static_assert((static_cast<uint64_t>(BlockState::live) & 2) == 0 &&
                (static_cast<uint64_t>(BlockState::freed) & 2) != 0);
  return (word1 & 2) == 0;
}

// Of a live block's record, whose word1 is that.
inline void mark_freed(AtomicRecord& record, uint64_t word1) {
  record.word1.store(word1 + 1, std::memory_order_release);
}

// word1 without the family: the same for all events of a thread in one tick.
inline uint64_t plain_word1(core::ThreadId thread, uint64_t tick) {
  return static_cast<uint64_t>(BlockState::live) | uint64_t{core::index_of(thread)} << kThreadShift |
         tick << kTickRecordShift;
}

inline void mark_live(AtomicRecord& record, uint32_t bytes, core::StackId stack, uint64_t word1, Family family) {
  record.word0.store(bytes | uint64_t{core::index_of(stack)} << 32, std::memory_order_relaxed);
  record.word1.store(word1 | static_cast<uint64_t>(family) << kFamilyShift, std::memory_order_release);
}

}  // namespace weir::track
