// The ordinary event of a block that is not tracked: where the process samples and the block is not drawn, or where it does not
// track its heap at all. A block comes from the pool and goes back to it, and one countdown of bytes says when the next is drawn.
// Whatever else there is to do, be it that a byte is drawn, that a page is new or that a pointer is another allocator's, is left
// to the general path (runtime.h), which starts anew. Included by the exported symbols only; all inline, as plain_path.h is.
//
// On these threads core::thread_slot.plain_state is core::PlainGuard::sampling_state() outside of Weir.
#pragma once

#include "pool/plain_pool.h"
#include "runtime/hook.h"
#include "track/pool_records.h"
#include "track/sampling.h"

namespace weir::runtime {

// A block of any size class, by the pool's own way to it.
void* allocate_of_class_untracked(size_t bytes, HookFrame frame, const AllocatingHook& hook);

// Neither is 0.
void* reallocate_untracked(void* user, size_t bytes, HookFrame frame, ReallocatingHook hook);

namespace detail {

// The frees of an untracked block that the pool does not take inline. They leave the guard.
void release_untracked_to_pool(void* user);
void retire_page_untracked(mi_page_t* page);

// The page of an untracked block of the pool's, by a pointer to its start; nullptr for whatever else a pointer may be.
[[gnu::always_inline]] inline const track::PageRecords* page_of_untracked(uintptr_t address) {
  const track::PageRecords* records = track::find_recent_page(address);
  return records == nullptr || track::has_live_record(*records, address) ? nullptr : records;
}

}  // namespace detail

// For a request of up to pool::kLargestPlainBytes. A page with free blocks is one that the directory knows: whoever has the pool
// make one sees to that.
[[gnu::always_inline]] inline void* allocate_untracked(size_t bytes, const AllocatingHook& hook) {
  core::PlainGuard::enter_sampling(lowest_of_hook());
  const size_t granules = pool::whole_granules(bytes);  // what the block counts for the draw, but for an empty one
  const int64_t left = core::thread_slot.sample_left - static_cast<int64_t>(granules);
  mi_page_t* page = pool::plain_page(granules);
  if (left < 0 || page->free == nullptr) [[unlikely]] {
    core::PlainGuard::leave_sampling();
    return allocate_of_class_untracked(bytes, hook_frame(), hook);
  }
  core::thread_slot.sample_left = left;
  const bool is_zero = page->is_zero;
  void* block = pool::take_plain_block(core::PlainGuard::token(), page);
  core::PlainGuard::leave_sampling();
  return hook.zeroed ? pool::zero_plain_block(block, is_zero, granules) : block;
}

[[gnu::always_inline]] inline void release_untracked(void* user, ReleasingHook hook) {
  const track::PageRecords* records = detail::page_of_untracked(reinterpret_cast<uintptr_t>(user));
  if (records == nullptr) [[unlikely]]
    return hook(user, hook_frame());
  core::PlainGuard::enter_sampling(lowest_of_hook());
  auto* page = static_cast<mi_page_t*>(const_cast<void*>(records->page.load(std::memory_order_relaxed)));
  if (!pool::is_plain_page(page)) [[unlikely]]
    return detail::release_untracked_to_pool(user);
  if (pool::give_plain_block(core::PlainGuard::token(), page, user)) [[unlikely]]
    return detail::retire_page_untracked(page);
  core::PlainGuard::leave_sampling();
}

}  // namespace weir::runtime
