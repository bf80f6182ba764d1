#include "runtime/runtime.h"

#include <errno.h>

#include <cstring>

#include "core/clock.h"
#include "core/print.h"
#include "leak/ignored.h"
#include "options/options.h"
#include "pool/host_pool.h"
#include "pool/page_identity.h"
#include "runtime/acquire.h"
#include "runtime/control.h"
#include "runtime/general_path.h"
#include "runtime/guarded_blocks.h"
#include "runtime/host_allocator.h"
#include "runtime/host_pin_blocks.h"
#include "runtime/out_of_memory.h"
#include "runtime/pinned_buffers.h"
#include "runtime/plain_path.h"
#include "runtime/process.h"
#include "runtime/quarantine.h"
#include "runtime/running_report.h"
#include "runtime/timeline.h"
#include "stack/python_frames.h"
#include "track/foreign_table.h"
#include "track/live_set.h"
#include "track/pool_records.h"
#include "track/sampling.h"

namespace weir::runtime {
namespace {

constexpr size_t kLargestRequest = static_cast<size_t>(PTRDIFF_MAX);

track::PageGeometry geometry_of(uintptr_t base) {
  const pool::PoolPage page = pool::pool_page_of(base);
  return {page.start, page.bytes, page.block_bytes};
}

// Gives the pool's page its records at hand, for the plain path.
void note_page(void* base) {
  mi_page_t* page = _mi_ptr_page(base);
  if (pool::page_note(page) == nullptr) pool::set_page_note(page, track::find_page(reinterpret_cast<uintptr_t>(base)));
}

bool insert(const core::Inside& inside, const Acquired& acquired, const track::Block& block,
            track::InsertedPlace* place) {
  if (acquired.base == nullptr) [[unlikely]]
    return track::insert_foreign_block(inside, block);
  const pool::BlockPage page = pool::block_page(acquired.base);
  const auto base = reinterpret_cast<uintptr_t>(acquired.base);
  const bool is_tracked =
      track::insert_pool_block(inside, base, {page.page, page.block_bytes}, block, &geometry_of, place);
  if (is_tracked) [[likely]]
    note_page(acquired.base);  // else the page that is known there may be another one
  return is_tracked;
}

core::StackId capture(const core::Inside& inside, ThreadState& thread, const stack::Registers& caller) {
  if (thread.last_stack == nullptr) return core::StackId::unknown;
  return stack::capture_all(inside, *thread.last_stack, caller);
}

// WEIR_DEBUG: what an allocator hands out is aligned, and was not handed out already.
void check_acquired(const Acquired& acquired, const Request& request) {
  const auto address = reinterpret_cast<uintptr_t>(acquired.user);
  if (address % pool::kNaturalAlignment != 0 || (request.alignment != 0 && address % request.alignment != 0)) {
    core::fatal_self_check("a block is not aligned as asked");
  }
  track::Block present;
  if (track::find_block(address, &present, nullptr) == track::RemoveResult::removed) {
    core::fatal_self_check("a block was handed out that is still live");
  }
}

// A record that tells where the block starts, or that its free is the general path's, and no more (track::is_placeholder).
void track_placeholder(const core::Inside& inside, const Acquired& acquired, const Request& request, bool of_loader) {
  track::Block block;
  block.address = reinterpret_cast<uintptr_t>(acquired.user);
  block.bytes = request.bytes;
  block.family = request.family;
  block.align_log2 = acquired.align_log2;
  block.state = of_loader ? track::BlockState::live_of_loader : track::BlockState::live;
  track::InsertedPlace place;
  insert(inside, acquired, block, &place);
}

// What is to be done for a block that was not drawn.
void leave_untracked(const core::Inside& inside, ThreadState& thread, const stack::Registers& caller,
                     const Acquired& acquired, const Request& request) {
  const bool of_loader = stack::in_loader(caller.ip);
  if (acquired.base == nullptr) return;
  const bool is_pinned = is_known_to_pins(reinterpret_cast<uintptr_t>(acquired.base));
  if (acquired.base != acquired.user || acquired.align_log2 > 0 || of_loader || is_pinned) {
    track_placeholder(inside, acquired, request, of_loader);
  } else {
    know_page_of(inside, thread, acquired.base);
  }
}

void track_acquired(const core::Inside& inside, ThreadState& thread, const stack::Registers& caller,
                    const Acquired& acquired, const Request& request) {
  if (options::current().debug) [[unlikely]]
    check_acquired(acquired, request);
  if (track::sampling() && !draw(thread, request.bytes)) {
    leave_untracked(inside, thread, caller, acquired, request);
    return;
  }
  track::Block block;
  block.address = reinterpret_cast<uintptr_t>(acquired.user);
  block.bytes = request.bytes;
  block.stack = capture(inside, thread, caller);
  block.thread = thread.counters->id;
  block.family = request.family;
  block.align_log2 = acquired.align_log2;
  // guard: loader-block
  block.state = stack::in_loader(caller.ip) ? track::BlockState::live_of_loader : track::BlockState::live;
  if (is_tick_used_up(thread) || request.bytes > track::kLargestClassBytes) read_tick(thread);
  block.tick = thread.tick;
  if (leak::is_ignoring() && leak::ignore_new_block(block)) [[unlikely]]
    block.state = track::BlockState::live_of_loader;
  track::InsertedPlace place;
  const bool is_tracked = insert(inside, acquired, block, &place);
  if (place.new_page) [[unlikely]]
    pool::grow_pool_if_needed(inside);
  if (!is_tracked) [[unlikely]] {
    ++thread.counters->untracked_count;
    note_untracked_block();
    if (leak::is_ignoring()) leak::forget_ignored(block.address);
    return;
  }
  thread.counters->last_allocated = block.address;
  thread.last_block = kNoBlock;
  track::figures_of(*thread.counters, place.block_class).miss_count += place.new_page;
  if (track::sampling()) {
    track::count_sampled_alloc(*thread.counters, block.stack, block.bytes, track::weight_of(block), place.block_class,
                               block.tick);
  } else {
    track::count_alloc(*thread.counters, block.stack, block.bytes, place.block_class, block.tick);
  }
}

// A forked child counts from zero: what its parent allocated is not its own to count.
bool is_inherited(const track::Block& block) { return block.tick <= facts().ignore_before_tick; }

void count_removed(ThreadState& thread, const track::Block& block, track::BlockClass block_class) {
  if (is_inherited(block) || track::is_placeholder(block)) [[unlikely]]
    return;
  if (thread.last_block == block.address) thread.last_block = kNoBlock;
  if (!track::sampling()) {
    track::count_free(*thread.counters, block.stack, block.address, block.bytes, block_class);
    return;
  }
  // Untracked allocations came between: this one was not temporary.
  if (core::thread_slot.sample_left != thread.left_at_sample) thread.counters->last_allocated = 0;
  track::count_sampled_free(*thread.counters, block.stack, block.address, block.bytes, track::weight_of(block),
                            block_class);
}

// Before the address can be another block's. Whether the block was one that the program excused.
bool forget_if_ignored(const track::Block& block) {
  return block.state == track::BlockState::live_of_loader &&
         leak::forget_ignored(block.address);  // guard: ignored-freed
}

track::FreedBy freed_now(const ThreadState& thread) { return {thread.counters->id, core::current_tick()}; }

// Gives a block back that has left the live set. `base`: the pool's start of it.
void give_back(const core::Inside& inside, ThreadState& thread, const HeapCall& call, const track::Block& block,
               uintptr_t base) {
  if (guards_blocks()) [[unlikely]] {
    retire_guarded(inside, thread, call, block, base);
  } else {
    if (block.bytes > track::kLargestClassBytes) {
      remember_freed(block, {core::StackId::unknown, thread.counters->id, core::current_tick()});
    }
    release_to_pool(inside, base);
  }
  note_time(inside);  // guard: timeline-general-free
}

}  // namespace

void release_to_pool(const core::Inside& inside, uintptr_t base) {
  if (!stays_aside(base)) [[likely]]
    pool::pool_release(inside, reinterpret_cast<void*>(base));
}

void release_inside(const core::Inside& inside, ThreadState& thread, const HeapCall& call) {
  stack::notice_release(call.address);
  track::Block block;
  uintptr_t base = 0;
  track::BlockClass block_class;
  auto* user = reinterpret_cast<void*>(call.address);
  const track::RemoveResult verdict =
      track::remove_block(inside, call.address, &block, &base, &block_class, freed_now(thread));
  if (verdict == track::RemoveResult::untracked) {
    pool::pool_release(inside, user);
    return;
  }
  if (verdict != track::RemoveResult::removed) [[unlikely]] {
    if (belongs_to_host(inside, thread, call, verdict, block)) host_free(user);
    return;
  }
  forget_if_ignored(block);
  check_freeing_call(inside, thread, call, block, /*alignment_known=*/base != 0);
  count_removed(thread, block, block_class);
  if (base != 0) [[likely]] {
    give_back(inside, thread, call, block, base);
  } else {
    host_free(user);
  }
}

size_t usable_from(uintptr_t base, uintptr_t address) {
  return base + pool::block_page(reinterpret_cast<void*>(base)).block_bytes - address;
}

void track_pool_block(const core::Inside& inside, ThreadState& thread, const stack::Registers& caller, void* block,
                      const Request& request) {
  track_acquired(inside, thread, caller, {block, block, 0}, request);
}

void know_page_of(const core::Inside& inside, ThreadState& thread, void* block) {
  if (pool::page_note(_mi_ptr_page(block)) != nullptr) return;
  const pool::BlockPage page = pool::block_page(block);
  const auto base = reinterpret_cast<uintptr_t>(block);
  bool is_new = false;
  if (!track::know_pool_page(base, {page.page, page.block_bytes}, &geometry_of, &is_new)) {
    ++thread.counters->untracked_count;
    return;
  }
  note_page(block);
  if (!is_new) return;
  ++track::figures_of(*thread.counters, track::find_page(base)->block_class).miss_count;
  pool::grow_pool_if_needed(inside);
}

void drain_deferred_frees(const core::Inside& inside, ThreadState& thread) {
  void* block = core::thread_slot.deferred_frees.exchange(nullptr, std::memory_order_acquire);
  while (block != nullptr) {
    void* next = *static_cast<void**>(block);
    release_inside(inside, thread, {kDeferredFree, reinterpret_cast<uintptr_t>(block), nullptr});
    block = next;
  }
}

namespace {

ThreadState* begin_event(const core::Guard& guard) {
  ThreadState* thread = this_thread(guard);
  if (thread == nullptr) [[unlikely]]
    return nullptr;
  if (core::thread_slot.deferred_frees.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
    drain_deferred_frees(guard.token(), *thread);
  }
  return thread;
}

// Calls from Weir's own code, and from signal handlers that interrupted it: the pool may be half way through a change on this
// thread, the host's allocator is not.
void* allocate_nested(const Request& request) {
  track::nested_event_count.fetch_add(1, std::memory_order_relaxed);
  return allocate_from_host(request);
}

void release_nested(void* block) {
  track::nested_event_count.fetch_add(1, std::memory_order_relaxed);
  if (!track::in_pool_page(reinterpret_cast<uintptr_t>(block))) {
    host_free(block);
    return;
  }
  if (guards_blocks()) note_linked_block();
  std::atomic<void*>& deferred = core::thread_slot.deferred_frees;
  void* head = deferred.load(std::memory_order_relaxed);
  do {
    *static_cast<void**>(block) = head;
  } while (!deferred.compare_exchange_weak(head, block, std::memory_order_release, std::memory_order_relaxed));
}

void* reallocate_nested(void* block, size_t bytes) {
  track::nested_event_count.fetch_add(1, std::memory_order_relaxed);
  if (!track::in_pool_page(reinterpret_cast<uintptr_t>(block))) return host_realloc(block, bytes);
  track::Block old;
  uintptr_t base = 0;
  track::find_block(reinterpret_cast<uintptr_t>(block), &old, &base);
  void* moved = host_malloc(bytes);
  if (moved == nullptr) return nullptr;
  const size_t kept = usable_from(base, old.address);
  memcpy(moved, block, kept < bytes ? kept : bytes);
  release_nested(block);
  return moved;
}

// True where a pool block can serve its new size where it is: it fits, and not more than half would lie idle.
bool fits_in_place(uintptr_t base, const track::Block& old, size_t bytes) {
  if (guards_blocks()) return false;
  const size_t usable = usable_from(base, old.address);
  return bytes <= usable && bytes >= usable / 2;
}

// The new block of a realloc, its contents copied and the old one released; or nothing, and the old one untouched.
Acquired move_block(const core::Inside& inside, ThreadState& thread, const HeapCall& call, const track::Block& old,
                    uintptr_t old_base, const Request& request) {
  auto* user = reinterpret_cast<void*>(old.address);
  if (old_base == 0) return {host_realloc(user, request.bytes), nullptr, 0};
  if (fits_in_place(old_base, old, request.bytes)) return {user, reinterpret_cast<void*>(old_base), old.align_log2};
  const Acquired moved = acquire(inside, request);
  if (moved.user == nullptr) return {};
  const size_t kept = guards_blocks() ? old.bytes : usable_from(old_base, old.address);
  memcpy(moved.user, user, kept < request.bytes ? kept : request.bytes);
  give_back(inside, thread, call, old, old_base);
  return moved;
}

// guard: untrack-order (the old block leaves the live set before its memory can be another thread's)
void* reallocate_tracked(const core::Inside& inside, ThreadState& thread, const stack::Registers& caller, void* user,
                         size_t bytes) {
  const HeapCall call{kRealloc, reinterpret_cast<uintptr_t>(user), &caller};
  stack::notice_release(call.address);
  const core::MovingBlock moving;
  track::Block old;
  uintptr_t old_base = 0;
  track::BlockClass block_class;
  const track::RemoveResult verdict =
      track::remove_block(inside, call.address, &old, &old_base, &block_class, freed_now(thread));
  const Request request{bytes};
  const bool was_tracked = verdict == track::RemoveResult::removed;
  if (!was_tracked && verdict != track::RemoveResult::untracked) [[unlikely]] {
    if (!belongs_to_host(inside, thread, call, verdict, old)) return nullptr;
    const Acquired moved{host_realloc(user, bytes), nullptr, 0};
    if (moved.user != nullptr) track_acquired(inside, thread, caller, moved, {bytes});
    return moved.user;
  }
  if (was_tracked) check_freeing_call(inside, thread, call, old, /*alignment_known=*/old_base != 0);
  const bool was_ignored = was_tracked && forget_if_ignored(old);
  const Acquired moved = move_block(inside, thread, call, old, old_base, request);
  if (moved.user == nullptr) {
    if (was_ignored) leak::ignore_new_block(old);
    if (was_tracked) track::restore_block(inside, old, old_base);
    note_out_of_memory(inside, thread, caller, request);
    return nullptr;
  }
  ++thread.counters->realloc_count;
  thread.counters->realloc_in_place_count += moved.user == user;
  thread.counters->last_allocated = 0;  // growing a block is not a temporary allocation
  if (was_tracked) count_removed(thread, old, block_class);
  if (was_ignored) leak::begin_ignoring();
  track_acquired(inside, thread, caller, moved, request);
  if (was_ignored) leak::end_ignoring();
  return moved.user;
}

}  // namespace

void* allocate(const stack::Registers& caller, const Request& request) {
  if (request.bytes > kLargestRequest) [[unlikely]]
    return nullptr;
  if (!ensure_started()) [[unlikely]]
    return allocate_from_host(request);
  core::Guard guard(caller.sp);
  if (!guard.entered()) [[unlikely]]
    return allocate_nested(request);
  const LateStateScope late_state;
  ThreadState* thread = begin_event(guard);
  if (thread == nullptr) [[unlikely]]
    return allocate_from_host(request);
  serve_at_allocation(guard.token());
  if (is_running_report_due(thread->tick)) [[unlikely]]
    write_running_report(guard.token());
  const Acquired acquired = acquire(guard.token(), request);
  if (acquired.user != nullptr) [[likely]]
    track_acquired(guard.token(), *thread, caller, acquired, request);
  else
    note_out_of_memory(guard.token(), *thread, caller, request);
  return acquired.user;
}

void release(const stack::Registers& caller, void* block, const FreeingCall& call) {
  if (!ensure_started()) [[unlikely]] {
    host_free(block);
    return;
  }
  stack::notice_free(caller.ip, block);
  core::Guard guard(caller.sp);
  if (!guard.entered()) [[unlikely]] {
    release_nested(block);
    return;
  }
  const LateStateScope late_state;
  ThreadState* thread = begin_event(guard);
  if (thread == nullptr) [[unlikely]] {
    if (!track::in_pool_page(reinterpret_cast<uintptr_t>(block))) host_free(block);
    return;
  }
  release_inside(guard.token(), *thread, {call, reinterpret_cast<uintptr_t>(block), &caller});
}

void* reallocate(const stack::Registers& caller, void* block, size_t bytes) {
  if (bytes > kLargestRequest) [[unlikely]]
    return nullptr;
  if (!ensure_started()) [[unlikely]]
    return host_realloc(block, bytes);
  core::Guard guard(caller.sp);
  if (!guard.entered()) [[unlikely]]
    return reallocate_nested(block, bytes);
  const LateStateScope late_state;
  ThreadState* thread = begin_event(guard);
  if (thread == nullptr) [[unlikely]]
    return reallocate_nested(block, bytes);
  return reallocate_tracked(guard.token(), *thread, caller, block, bytes);
}

bool reserve_heap(size_t capacity) {
  if (!ensure_started() || !pool_is_on()) return false;
  core::Guard guard;
  return guard.entered() && pool::reserve_pool(guard.token(), capacity);
}

void note_failed_allocation() {
  auto* state = static_cast<ThreadState*>(core::thread_slot.state);
  if (state != nullptr) ++state->counters->failed_count;
}

}  // namespace weir::runtime
