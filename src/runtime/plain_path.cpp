#include "runtime/plain_path.h"

#include "pool/host_pool.h"
#include "runtime/general_path.h"
#include "track/sampling.h"

namespace weir::runtime {

uint64_t first_own_word1;

namespace {

// Reads the clock for the next events, and frees what signal handlers have left to be freed.
void begin_tick(ThreadState& thread) {
  read_tick(thread);
  if (core::thread_slot.deferred_frees.load(std::memory_order_relaxed) != nullptr) {
    drain_deferred_frees(core::PlainGuard::token(), thread);
  }
}

// Everything of an allocation but the block itself.
void track(ThreadState& thread, const stack::Registers& caller, const detail::Place& place, size_t bytes,
           track::Family family) {
  --thread.events_on_tick;
  const core::StackId stack = stack::capture(core::PlainGuard::token(), *thread.last_stack, caller);
  detail::enter_record(thread, place, stack, bytes, family);
  const track::BlockClass& block_class = place.records->block_class;
  if (block_class.displaces(bytes)) [[unlikely]] {
    thread.last_record = nullptr;
    track::count_alloc(*thread.counters, stack, bytes, block_class, thread.tick);
  } else if (track::single_threaded()) {
    thread.counted_stack = stack;
    thread.counted_stack_counters = &track::counters_of(stack);
    detail::remember_last(thread, place);
    track::count_alloc_alone(*thread.counters, *thread.counted_stack_counters, bytes, block_class.index, thread.tick);
  } else {
    thread.last_record = nullptr;
    track::count_alloc_among_threads(*thread.counters, stack, bytes, block_class.index);
  }
}

}  // namespace

void* detail::allocate_with_care(ThreadState& thread, uintptr_t ip, uintptr_t sp, uintptr_t rbp, size_t bytes,
                                 const AllocatingHook& hook) {
  if (thread.events_on_tick == 0) begin_tick(thread);
  const Place place = find_place(bytes);
  if (place.page == nullptr) [[unlikely]] {
    core::PlainGuard::leave(&thread);
    return hook.allocate_generally(bytes, ip, sp, rbp);
  }
  track(thread, {ip, sp, rbp}, place, bytes, hook.family);
  void* block = pool::take_plain_block(core::PlainGuard::token(), place.page);
  core::PlainGuard::leave(&thread);
  return block;
}

void* allocate_of_class(size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t rbp, const AllocatingHook& hook) {
  // The loader's own blocks are marked, which is the general path's business.
  const bool plain = bytes <= track::kLargestClassBytes && !stack::in_loader(ip);
  auto* thread = plain ? static_cast<ThreadState*>(core::PlainGuard::enter(sp)) : nullptr;
  if (thread == nullptr) [[unlikely]] {
    if (plain && core::PlainGuard::may_sample()) return allocate_of_class_sampling(bytes, ip, sp, rbp, hook);
    return hook.allocate_generally(bytes, ip, sp, rbp);
  }
  if (thread->events_on_tick == 0) begin_tick(*thread);
  const core::Inside& inside = core::PlainGuard::token();
  void* block = hook.zeroed ? pool::pool_allocate_zeroed(inside, bytes) : pool::pool_allocate(inside, bytes);
  if (block == nullptr) [[unlikely]] {
    core::PlainGuard::leave(thread);
    return hook.allocate_generally(bytes, ip, sp, rbp);
  }
  const detail::Place place = detail::place_of(_mi_ptr_page(block), reinterpret_cast<uintptr_t>(block));
  if (place.page != nullptr) [[likely]] {
    track(*thread, {ip, sp, rbp}, place, bytes, hook.family);
  } else {
    track_pool_block(inside, *thread, {ip, sp, rbp}, block, {bytes, 0, hook.family});
  }
  core::PlainGuard::leave(thread);
  return block;
}

void* allocate_sampling(size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t rbp, const AllocatingHook& hook) {
  core::PlainGuard::enter_sampling(sp);
  mi_page_t* page = pool::plain_page(bytes);
  const int64_t left = core::thread_slot.sample_left - track::drawn_bytes(bytes);
  if (page->free == nullptr || left < 0 || pool::page_note(page) == nullptr) [[unlikely]] {
    core::PlainGuard::leave_sampling();
    return hook.allocate_generally(bytes, ip, sp, rbp);
  }
  core::thread_slot.sample_left = left;
  void* block = pool::take_plain_block(core::PlainGuard::token(), page);
  core::PlainGuard::leave_sampling();
  return block;
}

namespace {

// The free of an untracked block that the pool does not take inline.
[[gnu::noinline]] void release_sampling_to_pool(void* user) {
  pool::pool_release(core::PlainGuard::token(), user);
  core::PlainGuard::leave_sampling();
}

[[gnu::noinline]] void retire_page_sampling(mi_page_t* page) {
  weir_pool_retire_page(page);
  core::PlainGuard::leave_sampling();
}

}  // namespace

void release_sampling(void* user, uintptr_t ip, uintptr_t sp, uintptr_t rbp, ReleasingHook hook) {
  core::PlainGuard::enter_sampling(sp);
  const auto address = reinterpret_cast<uintptr_t>(user);
  const track::PageRecords* records = track::find_recent_page(address);
  if (records == nullptr || track::has_live_record(*records, address)) [[unlikely]] {
    core::PlainGuard::leave_sampling();
    return hook(user, ip, sp, rbp);
  }
  auto* page = static_cast<mi_page_t*>(const_cast<void*>(records->page.load(std::memory_order_relaxed)));
  if (!pool::is_plain_page(page)) [[unlikely]]
    return release_sampling_to_pool(user);
  if (pool::give_plain_block(core::PlainGuard::token(), page, user)) [[unlikely]]
    return retire_page_sampling(page);
  core::PlainGuard::leave_sampling();
}

void* reallocate_sampling_in_place(void* user, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(user);
  const track::PageRecords* records = track::find_recent_page(address);
  if (records == nullptr || track::has_live_record(*records, address)) return nullptr;
  const size_t usable = records->block_bytes32;
  const uint64_t start = records->start + track::block_index(*records, address) * usable;
  const int64_t left = core::thread_slot.sample_left - track::drawn_bytes(bytes);
  if (start != address || bytes > usable || bytes < usable / 2 || left < 0) return nullptr;
  core::thread_slot.sample_left = left;
  track::ThreadCounters& counters = *static_cast<ThreadState*>(core::thread_slot.state)->counters;
  ++counters.realloc_count;
  ++counters.realloc_in_place_count;
  return user;
}

void* allocate_of_class_sampling(size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t rbp, const AllocatingHook& hook) {
  const int64_t left = core::thread_slot.sample_left - track::drawn_bytes(bytes);
  if (left < 0) [[unlikely]]
    return hook.allocate_generally(bytes, ip, sp, rbp);
  core::PlainGuard::enter_sampling(sp);
  const core::Inside& inside = core::PlainGuard::token();
  void* block = hook.zeroed ? pool::pool_allocate_zeroed(inside, bytes) : pool::pool_allocate(inside, bytes);
  if (block == nullptr) [[unlikely]] {
    core::PlainGuard::leave_sampling();
    return hook.allocate_generally(bytes, ip, sp, rbp);
  }
  core::thread_slot.sample_left = left;
  if (pool::page_note(_mi_ptr_page(block)) == nullptr) [[unlikely]]
    know_page_of(inside, *this_thread(inside), block);
  core::PlainGuard::leave_sampling();
  return block;
}

void detail::release_among_threads(ThreadState& thread, track::PageRecords& records, track::AtomicRecord& record,
                                   void* user) {
  const uint64_t word0 = record.word0.load(std::memory_order_relaxed);
  const uint64_t word1 = record.word1.load(std::memory_order_relaxed);
  const track::PlainBlock block{&records, &record, static_cast<uint32_t>(word0), track::stack_of(word0), word1};
  auto* page = static_cast<mi_page_t*>(const_cast<void*>(records.page.load(std::memory_order_relaxed)));
  track::mark_freed(block);
  track::count_free_among_threads(*thread.counters, block.stack, reinterpret_cast<uintptr_t>(user), block.bytes,
                                  records.block_class.index);
  if (!pool::is_plain_page(page)) {
    pool::pool_release(core::PlainGuard::token(), user);
  } else if (pool::give_plain_block(core::PlainGuard::token(), page, user)) {
    weir_pool_retire_page(page);
  }
  core::PlainGuard::leave(&thread);
}

void detail::retire_page(mi_page_t* page, ThreadState& thread) {
  weir_pool_retire_page(page);
  core::PlainGuard::leave(&thread);
}

}  // namespace weir::runtime
