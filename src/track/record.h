// The 16-byte record of one block, and the plain form that readers get. The layout is described in docs/architecture.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/clock.h"
#include "core/ids.h"

namespace weir::track {

// Which family of functions supplied a block; with align_log2 > 0 it is that family's aligned form.
enum class Family : uint8_t { malloc = 0, scalar_new = 1, array_new = 2 };
inline constexpr size_t kFamilies = 3;

enum class BlockState : uint8_t {
  never = 0,  // no block of this record's place has been tracked
  live = 1,
  freed = 2,  // the record still tells the block's size, stack and family; thread and tick are those of the free
  // Live, and its free is never the plain path's: allocated by the dynamic loader, whose free may be the end of a library; or excused
  // by the program, which is to be forgotten with the block (leak/ignored.h).
  live_of_loader = 3,
};

inline bool is_live(BlockState state) { return state == BlockState::live || state == BlockState::live_of_loader; }

// One block as readers see it.
struct Block {
  uintptr_t address = 0;  // as the program got it
  size_t bytes = 0;       // as the program asked
  core::StackId stack = core::StackId::unknown;
  core::ThreadId thread = core::ThreadId::unknown;  // that allocated it; of a freed block, that freed it
  Family family = Family::malloc;
  uint8_t align_log2 = 0;  // 0: the family's natural alignment (16); else the program asked for 2^align_log2
  BlockState state = BlockState::never;
  uint64_t tick = 0;  // core::current_tick() of the allocation; of a freed block, of the free; 0: not known
};

// Who frees a block, and when.
struct FreedBy {
  core::ThreadId thread = core::ThreadId::unknown;
  uint64_t tick = 0;
};

// Packed: word0 = bytes (low 32) | stack (high 32); word1 = state:2 family:2 align:5 thread:17 tick:38, from bit 0 up.
// bytes of 2^32-1 and more are held in the page (see live_set.h): word0's low half is then kSizeElsewhere.
struct Record {
  uint64_t word0;
  uint64_t word1;
};
static_assert(sizeof(Record) == 16);

inline constexpr uint32_t kSizeElsewhere = 0xffffffffU;
inline constexpr int kStateBits = 2, kFamilyBits = 2, kAlignBits = 5;
inline constexpr int kFamilyShift = kStateBits;
inline constexpr int kAlignShift = kFamilyShift + kFamilyBits;
inline constexpr int kThreadShift = kAlignShift + kAlignBits;
inline constexpr int kTickRecordShift = kThreadShift + static_cast<int>(core::kThreadBits);
static_assert(kTickRecordShift + static_cast<int>(core::kTickBits) == 64);
inline constexpr uint64_t kStateMask = (1U << kStateBits) - 1;
inline constexpr uint64_t kFamilyMask = ((uint64_t{1} << kFamilyBits) - 1) << kFamilyShift;
inline constexpr uint64_t kAlignMask = ((uint64_t{1} << kAlignBits) - 1) << kAlignShift;

// In place of an alignment: the block is displaced (size_class.h), which the plain path leaves to the general one. No block has this
// alignment of its own, as every block is aligned to more.
inline constexpr uint8_t kDisplacedAlignLog2 = 1;
inline constexpr uint64_t kDisplacedMark = uint64_t{kDisplacedAlignLog2} << kAlignShift;

inline Record pack(const Block& block) {
  const uint64_t bytes = block.bytes < kSizeElsewhere ? block.bytes : kSizeElsewhere;
  return {bytes | (uint64_t{core::index_of(block.stack)} << 32),
          static_cast<uint64_t>(block.state) | (static_cast<uint64_t>(block.family) << kFamilyShift) |
              (uint64_t{block.align_log2} << kAlignShift) | (uint64_t{core::index_of(block.thread)} << kThreadShift) |
              (block.tick << kTickRecordShift)};
}

inline BlockState state_of(uint64_t word1) { return static_cast<BlockState>(word1 & kStateMask); }
inline core::StackId stack_of(uint64_t word0) { return static_cast<core::StackId>(word0 >> 32); }
inline uint8_t align_log2_of(uint64_t word1) {
  const auto held = static_cast<uint8_t>((word1 & kAlignMask) >> kAlignShift);
  return held == kDisplacedAlignLog2 ? uint8_t{0} : held;
}
inline Family family_of(uint64_t word1) { return static_cast<Family>((word1 & kFamilyMask) >> kFamilyShift); }

// word1 of a live block's record once the block is freed: what tells what the block was stays.
inline uint64_t freed_word1(uint64_t word1, FreedBy by) {
  return (word1 & (kFamilyMask | kAlignMask)) | static_cast<uint64_t>(BlockState::freed) |
         uint64_t{core::index_of(by.thread)} << kThreadShift | by.tick << kTickRecordShift;
}

// Everything but address, and bytes where they are kept elsewhere.
inline void unpack(const Record& record, Block* block) {
  block->bytes = record.word0 & 0xffffffffU;
  block->stack = stack_of(record.word0);
  block->state = state_of(record.word1);
  block->family = family_of(record.word1);
  block->align_log2 = align_log2_of(record.word1);
  block->thread = static_cast<core::ThreadId>((record.word1 >> kThreadShift) & core::kMaxThreadId);
  block->tick = record.word1 >> kTickRecordShift;
}

}  // namespace weir::track
