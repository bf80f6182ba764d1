// The live set's part of the plain path (runtime/plain_path.cpp): blocks that start where their pool block starts, whose page is
// known and whose size fits a record. Whatever else an event may meet is live_set.h's.
#pragma once

#include <bit>
#include <cstdint>

#include "track/pool_records.h"
#include "track/record.h"

namespace weir::track {

// A live block, found by the program's pointer.
struct PlainBlock {
  PageRecords* page;  // nullptr: not found here, or not plain
  AtomicRecord* record;
  uint32_t bytes;
  core::StackId stack;
  uint64_t word1;
};

// word1 of a live plain block's record, but thread and tick.
template <Family kFamily>
inline constexpr uint64_t kPlainLive = static_cast<uint64_t>(BlockState::live) | static_cast<uint64_t>(kFamily)
                                                                                     << kFamilyShift;

// The block of that family that starts at `address`: whether it was another family's is the general path's to tell, so that the
// comparison which is needed anyway serves for it. Cost: seven loads, a multiplication by the page's reciprocal and one back.
template <Family kFamily>
[[gnu::always_inline]] inline PlainBlock find_plain_block(uintptr_t address) {
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
  // guard: plain-family
  if ((word1 & (kStateMask | kFamilyMask | kAlignMask)) != kPlainLive<kFamily>) [[unlikely]]
    return {};
  return {page, record, static_cast<uint32_t>(word0), stack_of(word0), word1};
}

// Of a record that was written by mark_live(), which leaves the alignment 0: whether its block is live still, and of that family.
// word1 is the record's. One comparison of its lowest byte.
template <Family kFamily>
[[gnu::always_inline]] inline bool is_plain_live(uint64_t word1) {
  static_assert(kAlignShift < 8 && kPlainLive<kFamily> < 256);
  return static_cast<uint8_t>(word1) == kPlainLive<kFamily>;
}

// The bytes of a plain block, by a load of that half alone.
[[gnu::always_inline]] inline uint32_t bytes_of_plain(const AtomicRecord& record) {
  static_assert(std::endian::native == std::endian::little);
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(&record.word0), __ATOMIC_RELAXED);
}

// Of a live plain block. `word1`: that of its freed record, which a thread has ready for each family (runtime/thread_state.h).
[[gnu::always_inline]] inline void mark_freed(AtomicRecord& record, uint64_t word1) {
  record.word1.store(word1, std::memory_order_release);
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

// Of a record that mark_live() has just written, by the same thread: its block asked for so little that the plain path must not
// free it.
inline void mark_displaced(AtomicRecord& record) {
  record.word1.store(record.word1.load(std::memory_order_relaxed) | kDisplacedMark, std::memory_order_release);
}

}  // namespace weir::track
