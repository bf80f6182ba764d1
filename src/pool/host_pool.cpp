#include "pool/host_pool.h"

#include "core/spin_lock.h"
#include "pool/page_identity.h"
#include "pool/pool_memory.h"

namespace weir::pool {

namespace {

constexpr uint64_t kDefaultReservation = uint64_t{32} << 20;

double growth_ratio;        // fixed at start
uint64_t next_reservation;  // under growth_lock from then on
uint64_t segments_seen;
core::SpinLock growth_lock;

}  // namespace

void* pool_allocate(const core::Inside&, size_t bytes) {
  return mi_malloc(bytes < kNaturalAlignment ? kNaturalAlignment : bytes);
}

void* pool_allocate_zeroed(const core::Inside&, size_t bytes) {
  return mi_zalloc(bytes < kNaturalAlignment ? kNaturalAlignment : bytes);
}

void pool_release(const core::Inside&, void* base) { mi_free(base); }

PoolPage pool_page_of(uintptr_t base) {
  const weir_pool_page_geometry page = weir_pool_page(reinterpret_cast<void*>(base));
  return {page.start, page.bytes, page.block_bytes};
}

void configure_pool(const core::Inside& inside, const PoolSettings& settings) {
  // The report tells of errors; mimalloc itself must stay silent in a host program.
  mi_option_set(mi_option_show_errors, 0);
  mi_option_set(mi_option_show_stats, 0);
  mi_option_set(mi_option_verbose, 0);
  mi_thread_init();  // a reservation needs the main heap, which a first allocation would make
  growth_ratio = settings.growth_ratio;
  next_reservation = settings.initial_bytes > 0 ? settings.initial_bytes : kDefaultReservation;
  note_initial_reservation(settings.initial_bytes);
  if (settings.initial_bytes > 0) reserve_pool(inside, settings.initial_bytes);
  segments_seen = memory_counters().mmap_count;
}

uint64_t prewarm_pool(const core::Inside& inside, uint64_t bytes, uint64_t count, BlockObserver observe) {
  // The blocks are linked through their first words while all are held, then given to the free list together.
  void* held = nullptr;
  uint64_t made = 0;
  for (; made < count; ++made) {
    void* block = pool_allocate(inside, bytes);
    if (block == nullptr) break;
    observe(inside, block);
    *static_cast<void**>(block) = held;
    held = block;
  }
  while (held != nullptr) {
    void* next = *static_cast<void**>(held);
    pool_release(inside, held);
    held = next;
  }
  note_prewarmed(made);
  return made;
}

bool reserve_pool(const core::Inside&, uint64_t capacity) {
  const uint64_t present = reserved_bytes();
  if (present >= capacity) return true;
  return mi_reserve_os_memory(capacity - present, /*commit=*/true, /*allow_large=*/false) == 0;
}

void grow_pool_if_needed(const core::Inside&) {
  if (growth_ratio == 0 || !growth_lock.try_lock()) return;
  // The pool went past its reservations to the kernel for a segment: reserve ahead of the next.
  if (memory_counters().mmap_count != segments_seen) {
    next_reservation = static_cast<uint64_t>(static_cast<double>(next_reservation) * growth_ratio);
    mi_reserve_os_memory(next_reservation, /*commit=*/true, /*allow_large=*/false);
    segments_seen = memory_counters().mmap_count;
  }
  growth_lock.unlock();
}

void trim_pool(const core::Inside&) { mi_collect(/*force=*/true); }

}  // namespace weir::pool
