// The ordinary event: a small block from the thread's own pool page, whose stack is taken, whose record is written and who is
// counted; and its free. Where an allocation repeats the thread's latest, every step of it is inline; where it does not, what has
// been found out is handed on. What is not ordinary is left to the general path (runtime.h), which does the event whole. Included
// by the exported symbols only.
//
// The inline way calls nothing, so that it saves no registers: whatever needs a call is called last (`return f(...)`), with where
// to find the caller's registers (hook_frame.h). Cost: see docs/benchmarks.md.
#pragma once

#include "pool/plain_pool.h"
#include "runtime/hook.h"
#include "runtime/process.h"
#include "runtime/program_allocator.h"
#include "runtime/runtime.h"
#include "runtime/thread_state.h"
#include "runtime/untracked_path.h"
#include "stack/capture.h"
#include "track/plain_blocks.h"

namespace weir::runtime {

// word1 of the first record that is this process's own: in a forked child, earlier blocks are its parent's.
[[gnu::visibility("hidden")]] extern uint64_t first_own_word1;

// A block of any size class, by the pool's own way to it: for those beyond the smallest classes, and where the page at hand has
// no free block.
void* allocate_of_class(size_t bytes, HookFrame frame, const AllocatingHook& hook);

namespace detail {

// The rest of an allocation inside the guard, by what is known of its stack: nothing, that recall() does not know it, or that it is
// the remembered one.
enum class StackNews : uint8_t { unknown, unrecalled, same };
template <StackNews kNews, bool kZeroed>
void* allocate_further(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook);

template <StackNews kNews>
[[gnu::always_inline]] inline void* allocate_further(size_t bytes, ThreadState& thread, const AllocatingHook& hook) {
  return hook.zeroed ? allocate_further<kNews, true>(bytes, hook_frame(), thread, hook)
                     : allocate_further<kNews, false>(bytes, hook_frame(), thread, hook);
}

// The same for an allocation of the process's only thread whose stack is not that of the latest one.
template <bool kZeroed>
void* allocate_changed(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook);

[[gnu::always_inline]] inline void* allocate_changed(size_t bytes, ThreadState& thread, const AllocatingHook& hook) {
  return hook.zeroed ? allocate_changed<true>(bytes, hook_frame(), thread, hook)
                     : allocate_changed<false>(bytes, hook_frame(), thread, hook);
}

// The same for an allocation where there are several threads, or the clock is to be read.
template <bool kZeroed>
void* allocate_with_care(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook);

[[gnu::always_inline]] inline void* allocate_with_care(size_t bytes, ThreadState& thread, const AllocatingHook& hook) {
  return hook.zeroed ? allocate_with_care<true>(bytes, hook_frame(), thread, hook)
                     : allocate_with_care<false>(bytes, hook_frame(), thread, hook);
}

// Where the pool has no block at hand. Leaves the guard.
void* refill(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook);

// The rest of a free inside the guard, by a function of that family: of any block.
template <track::Family kFamily>
void release_with_care(void* user, HookFrame frame, ThreadState& thread, ReleasingHook hook);

// The same of a delete that says how many bytes were asked for.
template <track::Family kFamily>
void release_sized_with_care(void* user, size_t bytes, HookFrame frame, ThreadState& thread, SizedReleasingHook hook);

// A realloc inside the guard, by the process's only thread.
void* reallocate_alone(void* user, size_t bytes, HookFrame frame, ThreadState& thread, ReallocatingHook hook);

// Tells the pool of an empty page, and leaves the guard.
void retire_page(mi_page_t* page, ThreadState& thread);

// Whether an allocation of the process's only thread is that thread's latest over again: the same block from `page` for the same
// stack, at no new peak. All that was looked up then still holds.
[[gnu::always_inline]] inline bool repeats(const ThreadState& thread, const mi_page_t* page, core::StackId stack,
                                           size_t bytes) {
  return reinterpret_cast<uintptr_t>(page->free) == thread.last_block && thread.counted_stack == stack &&
         track::is_settled(*thread.counted_stack_counters) && !track::is_new_peak(bytes);
}

// Leaves the guard.
[[gnu::always_inline]] inline void* allocate_again(ThreadState& thread, mi_page_t* page, core::StackId stack,
                                                   size_t bytes, const AllocatingHook& hook) {
  stack::count_one(thread.last_stack->same);
  track::mark_live(*thread.last_record, static_cast<uint32_t>(bytes), stack, thread.plain_word1, hook.family);
  const bool is_zero = page->is_zero;
  void* block = pool::take_plain_block(core::PlainGuard::token(), page);
  track::count_alloc_settled(*thread.last_figures, *thread.counted_stack_counters, bytes);
  core::PlainGuard::leave(&thread);
  return hook.zeroed ? pool::zero_plain_block(block, is_zero, pool::whole_granules(bytes)) : block;
}

// Whether a free is that of the block which the process's only thread allocated last, found live and of the function's family.
template <track::Family kFamily>
[[gnu::always_inline]] inline bool is_temporary(const ThreadState& thread, void* user) {
  return reinterpret_cast<uintptr_t>(user) == thread.last_block &&
         track::is_plain_live<kFamily>(thread.last_record->word1.load(std::memory_order_relaxed)) &&
         track::single_threaded() && track::is_settled(*thread.counted_stack_counters);
}

// Leaves the guard.
template <track::Family kFamily>
[[gnu::always_inline]] inline void release_temporary(ThreadState& thread, void* user, uint32_t bytes) {
  track::AtomicRecord& record = *thread.last_record;
  auto* page = static_cast<mi_page_t*>(thread.last_page);
  track::mark_freed(record, freed_word1_of<kFamily>(thread));
  track::count_free_settled(*thread.last_figures, *thread.counted_stack_counters, bytes);
  track::count_temporary(*thread.counters, *thread.counted_stack_counters);
  if (pool::return_plain_block(core::PlainGuard::token(), page, user)) [[unlikely]]
    return retire_page(page, thread);
  core::PlainGuard::leave(&thread);
}

}  // namespace detail

// A block for the hook's caller.
[[gnu::always_inline]] inline void* allocate_plainly(size_t bytes, const AllocatingHook& hook) {
  if (bytes > pool::kLargestPlainBytes) [[unlikely]]
    return allocate_of_class(bytes, hook_frame(), hook);
  auto* thread = static_cast<ThreadState*>(core::PlainGuard::enter(lowest_of_hook()));
  if (thread == nullptr) [[unlikely]] {
    if (core::PlainGuard::may_sample()) return allocate_untracked(bytes, hook);
    return hook.allocate_generally(bytes, hook_frame());
  }
  if (is_tick_used_up(*thread) || !track::single_threaded()) [[unlikely]]
    return detail::allocate_with_care(bytes, *thread, hook);
  const uint32_t generation = stack::module_generation.load(std::memory_order_acquire);
  if (!stack::is_unchanged(*thread->last_stack, hook_frame().caller(), generation)) [[unlikely]]
    return detail::allocate_changed(bytes, *thread, hook);
  mi_page_t* page = pool::plain_page(pool::whole_granules(bytes));
  const core::StackId stack = thread->last_stack->leaf_stack;
  if (!detail::repeats(*thread, page, stack, bytes)) [[unlikely]]
    return detail::allocate_further<detail::StackNews::same>(bytes, *thread, hook);
  return detail::allocate_again(*thread, page, stack, bytes, hook);
}

// Whether a free where the process samples may go the untracked path. A record tells of its block's family, which only Weir's own
// operator new gives; a block without one may be the program's own allocator's, which is to free it (program_allocator.h).
template <track::Family kFamily>
[[gnu::always_inline]] inline bool may_release_untracked() {
  return core::PlainGuard::may_sample() && (kFamily == track::Family::malloc || program_is_known_to_bring_none());
}

// The free of a block by the hook's caller. The hook's family is the block's, or the event is left to the general path.
template <track::Family kFamily>
[[gnu::always_inline]] inline void release_plainly(void* user, ReleasingHook hook) {
  auto* thread = static_cast<ThreadState*>(core::PlainGuard::enter(lowest_of_hook()));
  if (thread == nullptr) [[unlikely]] {
    if (may_release_untracked<kFamily>()) return release_untracked(user, hook);
    return hook(user, hook_frame());
  }
  if (detail::is_temporary<kFamily>(*thread, user))
    return detail::release_temporary<kFamily>(*thread, user, track::bytes_of_plain(*thread->last_record));
  detail::release_with_care<kFamily>(user, hook_frame(), *thread, hook);
}

// The same by a delete that says how many bytes were asked for; `unsized` is the general hook without that.
template <track::Family kFamily>
[[gnu::always_inline]] inline void release_sized_plainly(void* user, size_t bytes, SizedReleasingHook hook,
                                                         ReleasingHook unsized) {
  auto* thread = static_cast<ThreadState*>(core::PlainGuard::enter(lowest_of_hook()));
  if (thread == nullptr) [[unlikely]] {
    if (may_release_untracked<kFamily>()) return release_untracked(user, unsized);
    return hook(user, bytes, hook_frame());
  }
  if (detail::is_temporary<kFamily>(*thread, user) && track::bytes_of_plain(*thread->last_record) == bytes)
    return detail::release_temporary<kFamily>(*thread, user, static_cast<uint32_t>(bytes));
  detail::release_sized_with_care<kFamily>(user, bytes, hook_frame(), *thread, hook);
}

// A realloc that is neither an allocation nor a free, by the hook's caller. With several threads: the general path.
[[gnu::always_inline]] inline void* reallocate_plainly(void* user, size_t bytes, ReallocatingHook hook) {
  auto* thread = static_cast<ThreadState*>(core::PlainGuard::enter(lowest_of_hook()));
  if (thread == nullptr) [[unlikely]] {
    if (core::PlainGuard::may_sample()) return reallocate_untracked(user, bytes, hook_frame(), hook);
    return hook(user, bytes, hook_frame());
  }
  return detail::reallocate_alone(user, bytes, hook_frame(), *thread, hook);
}

}  // namespace weir::runtime
