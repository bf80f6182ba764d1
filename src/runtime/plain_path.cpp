#include "runtime/plain_path.h"

#include <cstring>

#include "pool/host_pool.h"
#include "runtime/control.h"
#include "runtime/general_path.h"
#include "runtime/running_report.h"
#include "runtime/timeline.h"
#include "stack/recall.h"

namespace weir::runtime {

uint64_t first_own_word1;

namespace {

// The block that an allocation is about to get, or has got.
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

// The block that the pool gives out next: nothing that anybody could see was changed yet.
[[gnu::always_inline]] inline Place find_place(size_t bytes) {
  mi_page_t* page = pool::plain_page(pool::whole_granules(bytes));
  if (page->free == nullptr && track::single_threaded()) pool::reuse_given_back(core::PlainGuard::token(), page);
  return place_of(page, reinterpret_cast<uintptr_t>(page->free));
}

// What allocate_again() and release_temporary() will want to know.
[[gnu::always_inline]] inline void remember_last(ThreadState& thread, const Place& place) {
  thread.last_block = place.address;
  thread.last_record = place.record;
  thread.last_page = place.page;
  thread.last_figures = &track::figures_of(*thread.counters, place.records->block_class);
  thread.counters->last_allocated = place.address;
}

// Reads the clock for the next events, and frees what signal handlers have left to be freed.
[[gnu::noinline]] void begin_tick(ThreadState& thread) {
  read_tick(thread);
  if (core::thread_slot.deferred_frees.load(std::memory_order_relaxed) != nullptr) {
    drain_deferred_frees(core::PlainGuard::token(), thread);
  }
}

// The block is not displaced.
[[gnu::always_inline]] inline void track_alone(ThreadState& thread, const Place& place, core::StackId stack,
                                               size_t bytes) {
  if (thread.counted_stack != stack) {
    thread.counted_stack = stack;
    thread.counted_stack_counters = &track::counters_of(stack);
  }
  remember_last(thread, place);
  track::count_alloc_alone(*thread.last_figures, *thread.counted_stack_counters, bytes, thread.tick);
}

// Everything of an allocation but the block and its stack.
[[gnu::always_inline]] inline void track(ThreadState& thread, const Place& place, core::StackId stack, size_t bytes,
                                         track::Family family) {
  track::mark_live(*place.record, static_cast<uint32_t>(bytes), stack, thread.plain_word1, family);
  const track::BlockClass& block_class = place.records->block_class;
  const bool is_displaced = block_class.displaces(bytes);
  if (track::single_threaded() && !is_displaced) [[likely]]
    return track_alone(thread, place, stack, bytes);
  if (is_displaced) track::mark_displaced(*place.record);
  thread.last_block = kNoBlock;
  thread.counters->last_allocated = place.address;
  track::count_alloc(*thread.counters, stack, bytes, block_class, thread.tick);
}

template <detail::StackNews kNews>
[[gnu::always_inline]] inline core::StackId stack_by(ThreadState& thread, HookFrame frame) {
  stack::LastStack& last = *thread.last_stack;
  if constexpr (kNews == detail::StackNews::same) {
    stack::count_one(last.same);
    return last.leaf_stack;
  } else if constexpr (kNews == detail::StackNews::unrecalled) {
    return stack::capture_unrecalled(last, frame.ip(), frame.sp(), frame.rbp);
  } else {
    return stack::capture(core::PlainGuard::token(), last, frame.caller());
  }
}

// Where no block of the caller's is in between hands, as a realloc's is: a snapshot may be taken here.
[[gnu::noinline]] void begin_tick_of_allocation(ThreadState& thread) {
  serve_at_allocation(core::PlainGuard::token());
  begin_tick(thread);
  if (is_running_report_due(thread.tick)) [[unlikely]]
    write_running_report(core::PlainGuard::token());
}

// The block that is accounted for. Leaves the guard.
template <bool kZeroed>
[[gnu::always_inline]] inline void* take_tracked(ThreadState& thread, const Place& place, size_t bytes) {
  const bool is_zero = place.page->is_zero;
  void* block = pool::take_plain_block(core::PlainGuard::token(), place.page);
  core::PlainGuard::leave(&thread);
  return kZeroed ? pool::zero_plain_block(block, is_zero, pool::whole_granules(bytes)) : block;
}

}  // namespace

// The pool had no block at hand.
void* detail::refill(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook) {
  core::PlainGuard::leave(&thread);
  return allocate_of_class(bytes, frame, hook);
}

template <detail::StackNews kNews, bool kZeroed>
void* detail::allocate_further(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook) {
  if (kNews == StackNews::unknown && thread.events_on_tick < 0) begin_tick_of_allocation(thread);
  const Place place = find_place(bytes);
  if (place.page == nullptr) [[unlikely]]
    return refill(bytes, frame, thread, hook);
  const track::Family family = hook.family;
  track(thread, place, stack_by<kNews>(thread, frame), bytes, family);
  return take_tracked<kZeroed>(thread, place, bytes);
}

// The commonest of all. It calls nothing but last. The place is looked up first, as what the stack is may be mispredicted. The rare
// allocation that goes another way once its stack was recalled counts as one of the same stack, which it is by then.
template <bool kZeroed>
void* detail::allocate_changed(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook) {
  const Place place = find_place(bytes);
  if (place.page == nullptr) [[unlikely]]
    return refill(bytes, frame, thread, hook);
  const core::StackId stack = stack::recall(*thread.last_stack, frame.caller());
  if (stack == core::StackId::unknown) [[unlikely]]
    return allocate_further<StackNews::unrecalled, kZeroed>(bytes, frame, thread, hook);
  track::StackCounters* counters = track::counters_at_hand(stack);
  if (counters == nullptr || place.records->block_class.displaces_small(static_cast<uint32_t>(bytes))) [[unlikely]]
    return allocate_further<StackNews::same, kZeroed>(bytes, frame, thread, hook);
  stack::count_recalled(*thread.last_stack);
  track::mark_live(*place.record, static_cast<uint32_t>(bytes), stack, thread.plain_word1, hook.family);
  thread.counted_stack = stack;
  thread.counted_stack_counters = counters;
  remember_last(thread, place);
  track::count_alloc_alone(*thread.last_figures, *counters, bytes, thread.tick);
  return take_tracked<kZeroed>(thread, place, bytes);
}

// With several threads, as the one above it calls nothing but last.
template <bool kZeroed>
void* detail::allocate_with_care(size_t bytes, HookFrame frame, ThreadState& thread, const AllocatingHook& hook) {
  if (thread.events_on_tick < 0 || track::single_threaded()) [[unlikely]]
    return allocate_further<StackNews::unknown, kZeroed>(bytes, frame, thread, hook);
  const Place place = find_place(bytes);
  if (place.page == nullptr) [[unlikely]]
    return refill(bytes, frame, thread, hook);
  stack::LastStack& last = *thread.last_stack;
  const uint32_t generation = stack::module_generation.load(std::memory_order_acquire);
  const bool unchanged = stack::is_unchanged(last, frame.caller(), generation);
  const core::StackId stack = unchanged ? last.leaf_stack : stack::recall(last, frame.caller());
  if (stack == core::StackId::unknown) [[unlikely]]
    return allocate_further<StackNews::unrecalled, kZeroed>(bytes, frame, thread, hook);
  track::ThreadCounters& own = *thread.counters;
  track::StackDelta* delta = track::delta_to_count(own, stack, static_cast<int64_t>(bytes));
  if (delta == nullptr || place.records->block_class.displaces_small(static_cast<uint32_t>(bytes))) [[unlikely]]
    return allocate_further<StackNews::same, kZeroed>(bytes, frame, thread, hook);
  unchanged ? stack::count_one(last.same) : stack::count_recalled(last);
  track::mark_live(*place.record, static_cast<uint32_t>(bytes), stack, thread.plain_word1, hook.family);
  thread.last_block = kNoBlock;
  own.last_allocated = place.address;
  track::count_alloc_among_threads(own, *delta, bytes, place.records->block_class);
  return take_tracked<kZeroed>(thread, place, bytes);
}

namespace detail {
template void* allocate_with_care<false>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_with_care<true>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_changed<false>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_changed<true>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_further<StackNews::unknown, false>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_further<StackNews::unknown, true>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_further<StackNews::unrecalled, false>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_further<StackNews::unrecalled, true>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_further<StackNews::same, false>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
template void* allocate_further<StackNews::same, true>(size_t, HookFrame, ThreadState&, const AllocatingHook&);
}  // namespace detail

void* allocate_of_class(size_t bytes, HookFrame frame, const AllocatingHook& hook) {
  // The loader's own blocks are marked, which is the general path's business.
  const bool plain = bytes <= track::kLargestClassBytes && !stack::in_loader(frame.ip());
  auto* thread = plain ? static_cast<ThreadState*>(core::PlainGuard::enter(frame.lowest())) : nullptr;
  if (thread == nullptr) [[unlikely]] {
    if (plain && core::PlainGuard::may_sample()) return allocate_of_class_untracked(bytes, frame, hook);
    return hook.allocate_generally(bytes, frame);
  }
  if (is_tick_used_up(*thread)) begin_tick_of_allocation(*thread);
  const core::Inside& inside = core::PlainGuard::token();
  void* block = hook.zeroed ? pool::pool_allocate_zeroed(inside, bytes) : pool::pool_allocate(inside, bytes);
  if (block == nullptr) [[unlikely]] {
    core::PlainGuard::leave(thread);
    return hook.allocate_generally(bytes, frame);
  }
  const Place place = place_of(_mi_ptr_page(block), reinterpret_cast<uintptr_t>(block));
  if (place.page != nullptr) [[likely]] {
    track(*thread, place, stack::capture(inside, *thread->last_stack, frame.caller()), bytes, hook.family);
  } else {
    track_pool_block(inside, *thread, frame.caller(), block, {bytes, 0, hook.family});
  }
  core::PlainGuard::leave(thread);
  return block;
}

namespace {

[[gnu::always_inline]] inline mi_page_t* pool_page_of(const track::PageRecords& records) {
  return static_cast<mi_page_t*>(const_cast<void*>(records.page.load(std::memory_order_relaxed)));
}

// Of a plain block to a page that is full, or that another thread had, or where counting needs a call. Leaves the guard.
template <track::Family kFamily>
[[gnu::noinline]] void release_elsewhere(void* user, track::PageRecords& records, track::AtomicRecord& record,
                                         ThreadState& thread) {
  const auto address = reinterpret_cast<uintptr_t>(user);
  const track::BlockClass block_class = records.block_class;  // the page may go with its last block
  const uint64_t word0 = record.word0.load(std::memory_order_relaxed);
  if (thread.last_block == address) thread.last_block = kNoBlock;
  track::mark_freed(record, freed_word1_of<kFamily>(thread));
  track::count_free(*thread.counters, track::stack_of(word0), address, static_cast<uint32_t>(word0), block_class);
  pool::pool_release(core::PlainGuard::token(), user);
  const bool has_published = thread.counters->unpublished_live_bytes == 0;
  if (has_published && !track::single_threaded()) note_time(core::PlainGuard::token());
  core::PlainGuard::leave(&thread);
}

// The rest of a free with several threads; calls nothing but last. Apart, so that the way of one thread saves no registers for it.
template <track::Family kFamily>
[[gnu::noinline]] void release_among_threads(void* user, track::PageRecords& records, track::AtomicRecord& record,
                                             ThreadState& thread) {
  track::ThreadCounters& own = *thread.counters;
  const uint64_t word0 = record.word0.load(std::memory_order_relaxed);
  const auto bytes = static_cast<uint32_t>(word0);
  mi_page_t* page = pool_page_of(records);
  track::StackDelta* delta = track::delta_to_count(own, track::stack_of(word0), -int64_t{bytes});
  if (delta == nullptr || !pool::is_plain_page(page)) [[unlikely]]
    return release_elsewhere<kFamily>(user, records, record, thread);
  track::mark_freed(record, freed_word1_of<kFamily>(thread));
  track::count_free_among_threads(own, *delta, reinterpret_cast<uintptr_t>(user), bytes, records.block_class);
  if (pool::give_plain_block(core::PlainGuard::token(), page, user)) [[unlikely]]
    return detail::retire_page(page, thread);
  core::PlainGuard::leave(&thread);
}

[[gnu::noinline]] void release_generally(void* user, HookFrame frame, ThreadState& thread, ReleasingHook hook) {
  core::PlainGuard::leave(&thread);
  hook(user, frame);
}

[[gnu::noinline]] void release_sized_generally(void* user, size_t bytes, HookFrame frame, ThreadState& thread,
                                               SizedReleasingHook hook) {
  core::PlainGuard::leave(&thread);
  hook(user, bytes, frame);
}

// The rest of a free of a plain block; calls nothing but last. Leaves the guard.
template <track::Family kFamily>
[[gnu::always_inline]] inline void release_plain_block(void* user, const track::PlainBlock& block,
                                                       ThreadState& thread) {
  const auto address = reinterpret_cast<uintptr_t>(user);
  if (!track::single_threaded()) [[unlikely]]
    return release_among_threads<kFamily>(user, *block.page, *block.record, thread);
  mi_page_t* page = pool_page_of(*block.page);
  track::StackCounters* counters = track::counters_at_hand(block.stack);
  if (!pool::is_plain_page(page) || counters == nullptr) [[unlikely]]
    return release_elsewhere<kFamily>(user, *block.page, *block.record, thread);
  track::mark_freed(*block.record, freed_word1_of<kFamily>(thread));
  track::ThreadCounters& own = *thread.counters;
  track::count_free_alone(track::figures_of(own, block.page->block_class), *counters, block.bytes);
  // Where that is last_block it stays: the pool may give it out again on the inline way, which leaves last_allocated alone.
  if (own.last_allocated == address) {
    if (thread.last_block != address) own.last_allocated = 0;
    track::count_temporary(own, *counters);
  }
  if (pool::give_plain_block(core::PlainGuard::token(), page, user)) [[unlikely]]
    return detail::retire_page(page, thread);
  core::PlainGuard::leave(&thread);
}

}  // namespace

template <track::Family kFamily>
void detail::release_with_care(void* user, HookFrame frame, ThreadState& thread, ReleasingHook hook) {
  const track::PlainBlock block = track::find_plain_block<kFamily>(reinterpret_cast<uintptr_t>(user));
  if (block.page == nullptr || block.word1 < first_own_word1) [[unlikely]]
    return release_generally(user, frame, thread, hook);
  release_plain_block<kFamily>(user, block, thread);
}

template <track::Family kFamily>
void detail::release_sized_with_care(void* user, size_t bytes, HookFrame frame, ThreadState& thread,
                                     SizedReleasingHook hook) {
  const track::PlainBlock block = track::find_plain_block<kFamily>(reinterpret_cast<uintptr_t>(user));
  if (block.page == nullptr || block.bytes != bytes || block.word1 < first_own_word1) [[unlikely]]
    return release_sized_generally(user, bytes, frame, thread, hook);
  release_plain_block<kFamily>(user, block, thread);
}

namespace detail {
template void release_with_care<track::Family::malloc>(void*, HookFrame, ThreadState&, ReleasingHook);
template void release_with_care<track::Family::scalar_new>(void*, HookFrame, ThreadState&, ReleasingHook);
template void release_with_care<track::Family::array_new>(void*, HookFrame, ThreadState&, ReleasingHook);
template void release_sized_with_care<track::Family::scalar_new>(void*, size_t, HookFrame, ThreadState&,
                                                                 SizedReleasingHook);
template void release_sized_with_care<track::Family::array_new>(void*, size_t, HookFrame, ThreadState&,
                                                                SizedReleasingHook);
}  // namespace detail

namespace {

// The realloc of a plain block whose record was marked freed. Untracked before it is released, tracked after it is acquired, as the
// general path does it. nullptr: out of memory, nothing was done.
void* move_alone(const track::PlainBlock& old, void* user, size_t bytes) {
  const core::Inside& inside = core::PlainGuard::token();
  const size_t usable = old.page->block_bytes32;
  if (bytes <= usable && bytes >= usable / 2) return user;
  void* moved = pool::pool_allocate(inside, bytes);
  if (moved == nullptr) return nullptr;
  memcpy(moved, user, usable < bytes ? usable : bytes);
  pool::pool_release(inside, user);
  return moved;
}

// A block that stays where it is may lie in a page that is full, or that another thread had: the inline way must not take it for
// one that the pool has just given.
void track_in_place(ThreadState& thread, const track::PlainBlock& block, uintptr_t address, core::StackId stack,
                    size_t bytes) {
  track::mark_live(*block.record, static_cast<uint32_t>(bytes), stack, thread.plain_word1, track::Family::malloc);
  if (block.page->block_class.displaces(bytes)) track::mark_displaced(*block.record);
  thread.last_block = kNoBlock;
  thread.counters->last_allocated = address;
  track::count_alloc(*thread.counters, stack, bytes, block.page->block_class, thread.tick);
}

void track_moved(ThreadState& thread, void* block, const stack::Registers& caller, size_t bytes) {
  const core::Inside& inside = core::PlainGuard::token();
  const Place place = place_of(_mi_ptr_page(block), reinterpret_cast<uintptr_t>(block));
  if (place.page == nullptr) [[unlikely]]
    return track_pool_block(inside, thread, caller, block, {bytes});
  track(thread, place, stack::capture(inside, *thread.last_stack, caller), bytes, track::Family::malloc);
}

[[gnu::noinline]] void* reallocate_generally(void* user, size_t bytes, HookFrame frame, ThreadState& thread,
                                             ReallocatingHook hook) {
  core::PlainGuard::leave(&thread);
  return hook(user, bytes, frame);
}

}  // namespace

void* detail::reallocate_alone(void* user, size_t bytes, HookFrame frame, ThreadState& thread, ReallocatingHook hook) {
  if (is_tick_used_up(thread)) begin_tick(thread);
  const auto address = reinterpret_cast<uintptr_t>(user);
  const track::PlainBlock old = track::find_plain_block<track::Family::malloc>(address);
  if (old.page == nullptr || old.word1 < first_own_word1 || bytes > track::kLargestClassBytes ||
      !track::single_threaded() || stack::in_loader(frame.ip())) [[unlikely]]
    return reallocate_generally(user, bytes, frame, thread, hook);
  const track::BlockClass old_class = old.page->block_class;  // the page may go with its last block
  const core::MovingBlock moving;
  track::mark_freed(*old.record, freed_word1_of<track::Family::malloc>(thread));
  void* moved = move_alone(old, user, bytes);
  if (moved == nullptr) [[unlikely]] {
    old.record->word1.store(old.word1, std::memory_order_release);
    return reallocate_generally(user, bytes, frame, thread, hook);
  }
  track::ThreadCounters& own = *thread.counters;
  ++own.realloc_count;
  track::count_free_alone(track::figures_of(own, old_class), track::counters_of(old.stack), old.bytes);
  if (moved == user) {
    ++own.realloc_in_place_count;
    const core::StackId stack = stack::capture(core::PlainGuard::token(), *thread.last_stack, frame.caller());
    track_in_place(thread, old, address, stack, bytes);
  } else {
    track_moved(thread, moved, frame.caller(), bytes);
  }
  core::PlainGuard::leave(&thread);
  return moved;
}

[[gnu::noinline]] void detail::retire_page(mi_page_t* page, ThreadState& thread) {
  weir_pool_retire_page(page);
  note_time(core::PlainGuard::token());
  core::PlainGuard::leave(&thread);
}

}  // namespace weir::runtime
