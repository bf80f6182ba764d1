// malloc_usable_size.
#include "runtime/general_path.h"
#include "runtime/guarded_blocks.h"
#include "runtime/host_allocator.h"
#include "runtime/process.h"
#include "runtime/runtime.h"
#include "track/live_set.h"
#include "track/plain_blocks.h"
#include "track/pool_records.h"
#include "track/sampling.h"

namespace weir::runtime {
namespace {

// What glibc says of a block for which `asked` bytes were asked, as far as the block has so much. A program that sizes its buffers by
// it, as redis-server does, so makes the same calls to the kernel under Weir as without it. Where the process samples, what was asked
// is not known of most blocks.
size_t usable_as_in_glibc(size_t asked, size_t capacity) {
  constexpr size_t kHeader = 8, kUnit = 16, kLeast = 24;
  if (track::sampling()) return capacity;
  const size_t rounded = ((asked + kHeader + kUnit - 1) & ~(kUnit - 1)) - kHeader;
  const size_t usable = rounded < kLeast ? kLeast : rounded;
  return usable < capacity ? usable : capacity;
}

// Of a block that begins where its pool block does, on a page that is surely known; 0 where the general way is to be asked. Some
// programs ask before each free: what it reads, the free reads too. About 35 instructions.
size_t usable_of_plain(uintptr_t address) {
  const track::PageRecords* page = track::find_recent_page(address);
  if (page == nullptr || page->page.load(std::memory_order_relaxed) == nullptr) return 0;
  const uint32_t index = track::block_index(*page, address);
  if (page->start + index * uint64_t{page->block_bytes32} != address) return 0;
  const track::AtomicRecord* record = track::record_at(*page, index);
  if (record == nullptr) return core::PlainGuard::may_sample() ? page->block_bytes32 : 0;
  const uint64_t word1 = record->word1.load(std::memory_order_relaxed);
  if (!track::is_live(track::state_of(word1))) return track::sampling() ? page->block_bytes32 : 0;
  return usable_as_in_glibc(static_cast<uint32_t>(record->word0.load(std::memory_order_relaxed)), page->block_bytes32);
}

constexpr FreeingCall kQuestion{"malloc_usable_size"};

// freed: the block that a record still tells of, or nullptr. False where the pointer is to be asked about elsewhere.
bool note_question(HookFrame frame, uintptr_t address, const track::Block* freed) {
  core::Guard guard(frame.sp());
  if (!guard.entered()) return false;
  ThreadState* thread = this_thread(guard);
  if (thread == nullptr) return false;
  const stack::Registers caller = frame.caller();
  const HeapCall call{kQuestion, address, &caller};
  if (freed == nullptr) return note_question_about_gone(guard.token(), *thread, call);
  note_question_about_freed(guard.token(), *thread, call, *freed);
  return true;
}

// All that a guarded block has is what was asked for.
size_t usable_of(const track::Block& block, uintptr_t base) {
  return guards_blocks() ? block.bytes : usable_as_in_glibc(block.bytes, usable_from(base, block.address));
}

[[gnu::noinline]] size_t usable_generally(void* block, HookFrame frame) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  if (!track::in_pool_page(address)) return note_question(frame, address, nullptr) ? 0 : host_usable_size(block);
  track::Block found;
  uintptr_t base = 0;
  switch (track::find_block(address, &found, &base)) {
    case track::RemoveResult::removed:
      return usable_of(found, base);
    case track::RemoveResult::untracked:
      return usable_from(base, address);
    case track::RemoveResult::already_freed:
      note_question(frame, address, &found);
      return guards_blocks() ? found.bytes : usable_from(base, address);
    default:
      return 0;
  }
}

}  // namespace

size_t usable_bytes(void* block, HookFrame frame) {
  const size_t plain = usable_of_plain(reinterpret_cast<uintptr_t>(block));
  return plain != 0 ? plain : usable_generally(block, frame);
}

}  // namespace weir::runtime
