#include "cuda/pool/segment_pool.h"

#include <memory>
#include <span>

#include "core/arena.h"
#include "core/clock.h"
#include "cuda/capture.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/vmm_segments.h"

namespace weir::cuda::pool {
namespace {

// Of one context; a place is used again after its end.
struct Place {
  std::atomic<uint64_t> owner{0};  // 0: nobody's
  int device = 0;
  std::atomic<uint64_t> used_tick{0};  // when memory was taken last
  VmmSegments segments;
};

std::atomic<Place*> first_place{nullptr};  // of kMostContexts, which programs without segments have no memory for
core::SpinLock opening;                    // of places; never held while the driver runs

// None before the first is claimed.
std::span<Place> places() {
  Place* first = first_place.load(std::memory_order_acquire);
  return {first, first == nullptr ? 0 : kMostContexts};
}

// Whether there are any now. Under `opening`.
bool make_places() {
  if (first_place.load(std::memory_order_relaxed) != nullptr) return true;
  auto* made = core::arena_array<Place>(kMostContexts);
  if (made == nullptr) return false;
  std::uninitialized_default_construct_n(made, kMostContexts);
  first_place.store(made, std::memory_order_release);
  return true;
}

bool has_any() { return __atomic_load_n(&pool_state.segment_count, __ATOMIC_RELAXED) != 0; }

Place* place_of(uint64_t owner) {
  if (!has_any()) return nullptr;
  for (Place& place : places()) {
    if (place.owner.load(std::memory_order_acquire) == owner) return &place;
  }
  return nullptr;
}

template <class Visit>
void for_each_of(int device, const Visit& visit) {
  if (!has_any()) return;
  for (Place& place : places()) {
    if (place.owner.load(std::memory_order_acquire) != 0 && place.device == device) visit(place);
  }
}

// A place that nobody has, for whoever opens its segments next; nullptr: there is none, or another thread has just opened them.
Place* claim_place(uint64_t owner) {
  const core::LockScope scope(opening);
  if (!make_places()) return nullptr;
  for (Place& place : places()) {
    if (place.owner.load(std::memory_order_relaxed) == owner) return nullptr;
  }
  constexpr uint64_t kBeingOpened = UINT64_MAX;
  for (Place& place : places()) {
    if (place.owner.load(std::memory_order_relaxed) != 0) continue;
    place.owner.store(kBeingOpened, std::memory_order_relaxed);
    return &place;
  }
  return nullptr;
}

bool open_segments(const Call& call, const ContextState& context) {
  Place* place = claim_place(context.handle);
  if (place == nullptr) return place_of(context.handle) != nullptr;
  Result result = Result::not_supported;
  {
    const InDriver in_driver(call.caller.sp);
    const CaptureRelaxed relaxed(CaptureRelaxed::When::always);
    result = place->segments.open(context.device, device_total_bytes(context.device));
    for (int peer = 0; result == Result::success && peer < kMostDevices; ++peer) {
      if ((context.peers >> peer & 1) != 0) place->segments.set_access(peer, true);
    }
  }
  if (result != Result::success) {
    place->owner.store(0, std::memory_order_release);
    return false;
  }
  place->device = context.device;
  place->owner.store(context.handle, std::memory_order_release);
  __atomic_fetch_add(&pool_state.segment_count, 1, __ATOMIC_RELAXED);
  return true;
}

// Idle blocks whose work is done become free parts of their segment. Cost: the device's idle blocks.
void empty_bins(const Place& place, uint64_t owner) {
  const PoolLock lock(pool_state.lock);
  BlockCache& cache = pool_state.cache(Memory::device);
  Block* next;
  for (Block* block = cache.longest_idle(place.device); block != nullptr; block = next) {
    next = block->next_idle;
    if (!is_in_segment(*block) || block->bin->key.owner != owner) continue;
    if (block->freed_number > done_in_all_contexts()) continue;  // guard: segment-quarantine
    count_given_back(Memory::device, *block);
    const Address address = block->address;
    cache.remove(*block);
    release_to_segments(owner, address);
  }
}

}  // namespace

bool takes_from_segments(const Call& call, const ContextState& context) {
  if (mode() != Mode::vmm || context.owner == nullptr || context.owner->has_no_segments) return false;
  if (place_of(context.owner->handle) != nullptr || open_segments(call, *context.owner)) return true;
  if (driver_queries().create_memory == nullptr) give_up_segments();
  context.owner->has_no_segments = true;
  note_segments_refused();
  return false;
}

Result take_from_segments(const Call& call, const Request& request, uint64_t bytes, Taken* taken) {
  const ContextState* context = current_context(call);
  Place* place = context == nullptr || context->owner == nullptr ? nullptr : place_of(context->owner->handle);
  if (place != nullptr && bytes == request.taken_bytes) {
    const InDriver in_driver(call.caller.sp);
    const CaptureRelaxed relaxed(CaptureRelaxed::When::always);
    empty_bins(*place, context->owner->handle);
    place->used_tick.store(core::current_tick(), std::memory_order_relaxed);
    const Result result = place->segments.allocate(request.asked_bytes, &taken->address, &taken->is_hit);
    if (result == Result::success || is_sticky(result)) return result;
  }
  taken->shape = 0;
  return call_driver(call, &taken->address, size_t{bytes});
}

bool is_address_in_segments(Address address, Address* block_start) {
  *block_start = 0;
  if (!has_any()) return false;
  for (Place& place : places()) {
    if (place.owner.load(std::memory_order_acquire) == 0 || !place.segments.holds(address)) continue;
    SegmentBlock block;
    if (place.segments.find(address, &block)) *block_start = block.address;
    return true;
  }
  return false;
}

void release_to_segments(uint64_t owner, Address address) {
  if (Place* place = place_of(owner)) place->segments.release(address);
}

IdleInSegments idle_in_segments(int device) {
  IdleInSegments idle{};
  for_each_of(device, [&](Place& place) {
    const SegmentFigures figures = place.segments.figures();
    idle.bytes += figures.free_bytes;
    idle.count += figures.free_count;
    idle.whole_chunk_bytes += figures.whole_free_bytes;
    if (figures.largest_free_bytes > idle.largest_bytes) idle.largest_bytes = figures.largest_free_bytes;
  });
  return idle;
}

uint64_t trim_segments(const Call& call, int device, uint64_t keep_bytes, uint64_t idle_before_tick) {
  uint64_t given_back = 0;
  for_each_of(device, [&](Place& place) {
    if (place.used_tick.load(std::memory_order_relaxed) >= idle_before_tick) return;
    const InDriver in_driver(call.caller.sp);
    const CaptureRelaxed relaxed(CaptureRelaxed::When::always);
    given_back += place.segments.trim(keep_bytes);
    const uint64_t left = place.segments.figures().free_bytes;
    keep_bytes -= left < keep_bytes ? left : keep_bytes;
  });
  return given_back;
}

void note_peer_access(const Call& call, uint64_t owner, int device, bool may_access) {
  if (!is_listed(device)) return;
  {
    const PoolLock lock(pool_state.lock);
    ContextState* context = find_context(owner);
    if (context == nullptr || context->device == device) return;
    const uint32_t bit = uint32_t{1} << device;
    context->peers = may_access ? context->peers | bit : context->peers & ~bit;
  }
  Place* place = place_of(owner);
  if (place == nullptr) return;
  const InDriver in_driver(call.caller.sp);
  const CaptureRelaxed relaxed(CaptureRelaxed::When::always);
  place->segments.set_access(device, may_access);
}

void close_segments(uint64_t owner) {
  Place* place = place_of(owner);
  if (place == nullptr) return;
  const InDriver in_driver(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  const CaptureRelaxed relaxed(CaptureRelaxed::When::always);
  place->segments.close();
  __atomic_fetch_sub(&pool_state.segment_count, 1, __ATOMIC_RELAXED);
  place->owner.store(0, std::memory_order_release);
}

void abandon_segments() {
  for (Place& place : places()) {
    place.owner.store(0, std::memory_order_relaxed);
    place.segments.abandon();
  }
  __atomic_store_n(&pool_state.segment_count, 0, __ATOMIC_RELAXED);
}

void segments_reset_after_fork() {
  opening.reset_after_fork();
  abandon_segments();
}

}  // namespace weir::cuda::pool
