// The ordinary event, with every step inline: a small block from the thread's own pool page, whose stack is taken, whose record
// is written and who is counted; and its free. What is not ordinary is left to the general path (runtime.h), which does the
// event whole. Included by the exported symbols only.
//
// The usual way through calls nothing, so that it saves no registers: whatever needs a call is called last (`return f(...)`), with
// the caller's registers one by one. Cost: see docs/benchmarks.md.
#pragma once

#include "pool/plain_pool.h"
#include "runtime/process.h"
#include "runtime/runtime.h"
#include "runtime/thread_state.h"
#include "stack/capture.h"
#include "track/plain_blocks.h"

namespace weir::runtime {

// word1 of the first record that is this process's own: in a forked child, earlier blocks are its parent's.
extern uint64_t first_own_word1;

// What a hook does where its event is not an ordinary one: everything, errors included.
struct AllocatingHook {
  track::Family family;
  bool zeroed;
  void* (*allocate_generally)(size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t rbp);
};

// A block of any size class, by the pool's own way to it: for calloc, and for blocks beyond the smallest classes.
void* allocate_of_class(size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t rbp, const AllocatingHook& hook);

// Where the process samples: out of line, so that the hooks of exact processes stay as they are.
//
// A block of no drawn byte comes from the pool and is left at that. Whatever else there is to do, be it that a byte is drawn or
// that the pool has no block at hand, is the general path's, which starts anew.
void* allocate_sampling(size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t rbp, const AllocatingHook& hook);
void* allocate_of_class_sampling(size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t rbp, const AllocatingHook& hook);

// The realloc of an untracked block that stays where it is; nullptr where there is more to do.
void* reallocate_sampling_in_place(void* user, size_t bytes);

namespace detail {

// The block that an allocation is about to get: nothing was changed yet.
struct Place {
  mi_page_t* page;  // nullptr: the pool has no free block at hand, or its page is not known yet
  const track::PageRecords* records;
  track::AtomicRecord* record;
  uintptr_t address;
};

[[gnu::always_inline]] inline Place place_of(mi_page_t* page, uintptr_t address) {
  const auto* records = static_cast<track::PageRecords*>(pool::page_note(page));
  if (address == 0 || records == nullptr) [[unlikely]]
    return {};
  const uint32_t index = track::block_index(*records, address);
  if (index >= records->records_at_hand.load(std::memory_order_relaxed)) [[unlikely]]
    return {};
  return {page, records, track::record_below(*records, index), address};
}

[[gnu::always_inline]] inline Place find_place(size_t bytes) {
  mi_page_t* page = pool::plain_page(bytes);
  return place_of(page, reinterpret_cast<uintptr_t>(page->free));
}

[[gnu::always_inline]] inline void enter_record(ThreadState& thread, const Place& place, core::StackId stack,
                                                size_t bytes, track::Family family) {
  track::mark_live(*place.record, static_cast<uint32_t>(bytes), stack, thread.plain_word1, family);
  thread.counters->last_allocated = place.address;
}

[[gnu::always_inline]] inline void remember_last(ThreadState& thread, const Place& place) {
  thread.last_record = place.record;
  thread.last_page = place.page;
  thread.last_class_index = place.records->block_class.index;
}

// The same for a stack that has to be walked, for the first event on a tick, and with several threads. Leaves the guard.
void* allocate_with_care(ThreadState& thread, uintptr_t ip, uintptr_t sp, uintptr_t rbp, size_t bytes,
                         const AllocatingHook& hook);

// The rest of a free with several threads. Leaves the guard.
void release_among_threads(ThreadState& thread, track::PageRecords& records, track::AtomicRecord& record, void* user);

// Tells the pool of an empty page, and leaves the guard.
void retire_page(mi_page_t* page, ThreadState& thread);

}  // namespace detail

// A block for the hook's caller.
[[gnu::always_inline]] inline void* allocate_plainly(const stack::Registers& caller, size_t bytes,
                                                     const AllocatingHook& hook) {
  if (bytes > pool::kLargestPlainBytes) [[unlikely]]
    return allocate_of_class(bytes, caller.ip, caller.sp, caller.rbp, hook);
  auto* thread = static_cast<ThreadState*>(core::PlainGuard::enter(caller.sp));
  if (thread == nullptr) [[unlikely]] {
    if (core::PlainGuard::may_sample()) {
      return allocate_sampling(bytes, caller.ip, caller.sp, caller.rbp, hook);
    }
    return hook.allocate_generally(bytes, caller.ip, caller.sp, caller.rbp);
  }
  const uint32_t generation = stack::module_generation.load(std::memory_order_acquire);
  if (thread->events_on_tick == 0 || !track::single_threaded() ||
      !stack::is_unchanged(*thread->last_stack, caller, generation)) [[unlikely]]
    return detail::allocate_with_care(*thread, caller.ip, caller.sp, caller.rbp, bytes, hook);
  const core::StackId stack = thread->last_stack->leaf_stack;
  const detail::Place place = detail::find_place(bytes);
  if (place.page == nullptr || thread->counted_stack != stack) [[unlikely]]
    return detail::allocate_with_care(*thread, caller.ip, caller.sp, caller.rbp, bytes, hook);
  --thread->events_on_tick;
  detail::remember_last(*thread, place);
  stack::count_one(thread->last_stack->same);
  detail::enter_record(*thread, place, stack, bytes, hook.family);
  void* block = pool::take_plain_block(core::PlainGuard::token(), place.page);
  track::count_alloc_alone(*thread->counters, *thread->counted_stack_counters, bytes, place.records->block_class.index,
                           thread->tick);
  core::PlainGuard::leave(thread);
  return block;
}

namespace detail {

// The free of the block that the process's only thread allocated last: all that was looked up then still holds.
[[gnu::always_inline]] inline bool is_temporary(const ThreadState& thread, uintptr_t address) {
  return thread.counters->last_allocated == address && thread.last_record != nullptr &&
         track::is_plain_live(*thread.last_record) && track::single_threaded();
}

[[gnu::always_inline]] inline bool release_temporary(ThreadState& thread, uintptr_t address) {
  track::AtomicRecord& record = *thread.last_record;
  const uint32_t bytes = track::mark_freed(record);
  track::count_temporary_free_alone(*thread.counters, *thread.counted_stack_counters, bytes, thread.last_class_index);
  return pool::return_plain_block(core::PlainGuard::token(), static_cast<mi_page_t*>(thread.last_page),
                                  reinterpret_cast<void*>(address));
}

}  // namespace detail

// What a hook does where its free is not an ordinary one: everything.
using ReleasingHook = void (*)(void* block, uintptr_t ip, uintptr_t sp, uintptr_t rbp);

// Where the process samples: a block without a record goes back to the pool.
void release_sampling(void* user, uintptr_t ip, uintptr_t sp, uintptr_t rbp, ReleasingHook hook);

// The free of a block by the hook's caller.
[[gnu::always_inline]] inline void release_plainly(const stack::Registers& caller, void* user, ReleasingHook hook) {
  auto* thread = static_cast<ThreadState*>(core::PlainGuard::enter(caller.sp));
  if (thread == nullptr) [[unlikely]] {
    if (core::PlainGuard::may_sample()) return release_sampling(user, caller.ip, caller.sp, caller.rbp, hook);
    return hook(user, caller.ip, caller.sp, caller.rbp);
  }
  const auto address = reinterpret_cast<uintptr_t>(user);
  if (detail::is_temporary(*thread, address)) {
    if (detail::release_temporary(*thread, address)) [[unlikely]]
      return detail::retire_page(static_cast<mi_page_t*>(thread->last_page), *thread);
    return core::PlainGuard::leave(thread);
  }
  const track::PlainBlock block = track::find_plain_block(address);
  if (block.page == nullptr || block.word1 < first_own_word1) [[unlikely]] {
    core::PlainGuard::leave(thread);
    return hook(user, caller.ip, caller.sp, caller.rbp);
  }
  if (!track::single_threaded()) [[unlikely]]
    return detail::release_among_threads(*thread, *block.page, *block.record, user);
  auto* page = static_cast<mi_page_t*>(const_cast<void*>(block.page->page.load(std::memory_order_relaxed)));
  track::StackCounters* counters = track::counters_at_hand(block.stack);
  if (!pool::is_plain_page(page) || counters == nullptr) [[unlikely]] {
    core::PlainGuard::leave(thread);
    return hook(user, caller.ip, caller.sp, caller.rbp);
  }
  track::mark_freed(block);
  track::count_free_alone(*thread->counters, *counters, address, block.bytes, block.page->block_class.index);
  if (pool::give_plain_block(core::PlainGuard::token(), page, user)) [[unlikely]]
    return detail::retire_page(page, *thread);
  core::PlainGuard::leave(thread);
}

}  // namespace weir::runtime
