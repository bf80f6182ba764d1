#include "runtime/untracked_path.h"

#include <cstring>

#include "pool/host_pool.h"
#include "runtime/general_path.h"

namespace weir::runtime {
namespace {

ThreadState& own_state() { return *static_cast<ThreadState*>(core::thread_slot.state); }

// A block that the pool has just given: the page it lies in tells Weir's pointers from others'.
void know_page_at_hand(void* block) {
  if (pool::page_note(_mi_ptr_page(block)) == nullptr) [[unlikely]]
    know_page_of(core::PlainGuard::token(), own_state(), block);
}

// As the pool itself would: the new block, what both hold copied, the old one released. nullptr: nothing was done.
void* move_untracked(void* user, size_t held_bytes, size_t bytes) {
  const core::Inside& inside = core::PlainGuard::token();
  void* moved = pool::pool_allocate(inside, bytes);
  if (moved == nullptr) return nullptr;
  know_page_at_hand(moved);
  memcpy(moved, user, held_bytes < bytes ? held_bytes : bytes);
  pool::pool_release(inside, user);
  return moved;
}

}  // namespace

void* allocate_of_class_untracked(size_t bytes, HookFrame frame, const AllocatingHook& hook) {
  core::PlainGuard::enter_sampling(frame.lowest());
  const core::Inside& inside = core::PlainGuard::token();
  const int64_t left = core::thread_slot.sample_left - track::drawn_bytes(bytes);
  void* block = nullptr;
  if (left >= 0) [[likely]]
    block = hook.zeroed ? pool::pool_allocate_zeroed(inside, bytes) : pool::pool_allocate(inside, bytes);
  if (block == nullptr) [[unlikely]] {
    core::PlainGuard::leave_sampling();
    return hook.allocate_generally(bytes, frame);
  }
  core::thread_slot.sample_left = left;
  know_page_at_hand(block);
  core::PlainGuard::leave_sampling();
  return block;
}

void* reallocate_untracked(void* user, size_t bytes, HookFrame frame, ReallocatingHook hook) {
  const auto address = reinterpret_cast<uintptr_t>(user);
  const track::PageRecords* records = detail::page_of_untracked(address);
  if (records == nullptr) return hook(user, bytes, frame);
  const size_t usable = records->block_bytes32;  // 0 where it is too large for this path
  const uintptr_t start = records->start + track::block_index(*records, address) * usable;
  const int64_t left = core::thread_slot.sample_left - track::drawn_bytes(bytes);
  if (start != address || usable == 0 || left < 0) return hook(user, bytes, frame);
  core::PlainGuard::enter_sampling(frame.lowest());
  const bool fits = bytes <= usable && bytes >= usable / 2;
  void* moved = fits ? user : move_untracked(user, usable, bytes);
  if (moved != nullptr) {
    core::thread_slot.sample_left = left;
    track::ThreadCounters& counters = *own_state().counters;
    ++counters.realloc_count;
    counters.realloc_in_place_count += fits;
  }
  core::PlainGuard::leave_sampling();
  return moved != nullptr ? moved : hook(user, bytes, frame);
}

void detail::release_untracked_to_pool(void* user) {
  pool::pool_release(core::PlainGuard::token(), user);
  core::PlainGuard::leave_sampling();
}

void detail::retire_page_untracked(mi_page_t* page) {
  weir_pool_retire_page(page);
  core::PlainGuard::leave_sampling();
}

}  // namespace weir::runtime
