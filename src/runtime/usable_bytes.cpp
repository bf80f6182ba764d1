// malloc_usable_size.
#include "pool/page_identity.h"
#include "runtime/general_path.h"
#include "runtime/host_allocator.h"
#include "track/live_set.h"
#include "track/pool_records.h"
#include "track/sampling.h"

namespace weir::runtime {

// What a pool block holds from `address` on: the program may have used all of it, as malloc_usable_size allows.
size_t usable_from(uintptr_t base, uintptr_t address) {
  return base + pool::block_page(reinterpret_cast<void*>(base)).block_bytes - address;
}

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
  if (!track::is_live(track::state_of(record->word1.load(std::memory_order_relaxed)))) return page->block_bytes32;
  return usable_as_in_glibc(static_cast<uint32_t>(record->word0.load(std::memory_order_relaxed)), page->block_bytes32);
}

[[gnu::noinline]] size_t usable_generally(void* block) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  if (!track::in_pool_page(address)) return host_usable_size(block);
  track::Block found;
  uintptr_t base = 0;
  const track::RemoveResult verdict = track::find_block(address, &found, &base);
  if (verdict == track::RemoveResult::removed) return usable_as_in_glibc(found.bytes, usable_from(base, address));
  return verdict == track::RemoveResult::untracked ? usable_from(base, address) : 0;
}

}  // namespace

size_t usable_bytes(void* block) {
  const size_t plain = usable_of_plain(reinterpret_cast<uintptr_t>(block));
  return plain != 0 ? plain : usable_generally(block);
}

}  // namespace weir::runtime
