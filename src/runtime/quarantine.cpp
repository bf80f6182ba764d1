#include "runtime/quarantine.h"

#include <atomic>

#include "core/clock.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "pool/page_identity.h"
#include "runtime/general_path.h"
#include "runtime/guarded_blocks.h"
#include "runtime/heap_faults.h"
#include "runtime/process.h"
#include "stack/python_frames.h"
#include "track/live_set.h"

namespace weir::runtime {
namespace {

constexpr FreeingCall kLeavingQuarantine{"the end of the quarantine"};
constexpr FreeingCall kEndOfProcess{"the end of the process"};

struct Kept {
  track::Block block;
  uintptr_t base;
  size_t held_bytes;  // of the pool's
  track::HeapEvent freed;
  uint32_t next_of_bucket;  // place + 1; 0: none

  GuardedBlock bounds() const { return {base, block.address, block.bytes}; }
};

constexpr size_t kPlaceMask = kMostQuarantined - 1;
constexpr size_t kRoomForOthers = 1024;  // threads may put as many in before the first takes one out
constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
constexpr int kHashShift = 40;

// What is kept, oldest first, and where to find it by address. Its memory is mapped at start and touched as it is used.
class Queue {
 public:
  bool make() {
    kept_ = static_cast<Kept*>(core::map_anonymous(kMostQuarantined * sizeof(Kept)));
    buckets_ = static_cast<uint32_t*>(core::map_anonymous(kMostQuarantined * sizeof(uint32_t)));
    return kept_ != nullptr && buckets_ != nullptr;
  }
  void release() {
    if (kept_ != nullptr) core::unmap(kept_, kMostQuarantined * sizeof(Kept));
    if (buckets_ != nullptr) core::unmap(buckets_, kMostQuarantined * sizeof(uint32_t));
  }
  size_t bytes() const { return bytes_; }
  size_t count() const { return last_ - first_; }

  void push(const Kept& kept) {
    const size_t place = last_++ & kPlaceMask;
    kept_[place] = kept;
    uint32_t& bucket = bucket_of(kept.block.address);
    kept_[place].next_of_bucket = bucket;
    bucket = static_cast<uint32_t>(place + 1);
    bytes_ += kept.held_bytes;
  }

  Kept pop() {
    const size_t place = first_++ & kPlaceMask;
    uint32_t* link = &bucket_of(kept_[place].block.address);
    while (*link != place + 1) link = &kept_[*link - 1].next_of_bucket;
    *link = kept_[place].next_of_bucket;
    bytes_ -= kept_[place].held_bytes;
    return kept_[place];
  }

  const Kept* find(uintptr_t address) const {
    if (kept_ == nullptr) return nullptr;
    for (uint32_t place = bucket_of(address); place != 0; place = kept_[place - 1].next_of_bucket) {
      if (kept_[place - 1].block.address == address) return &kept_[place - 1];
    }
    return nullptr;
  }

  template <class Visit>
  void for_each(const Visit& visit) const {
    for (uint64_t at = first_; at != last_; ++at) visit(kept_[at & kPlaceMask]);
  }

 private:
  uint32_t& bucket_of(uintptr_t address) const {
    return buckets_[((address * kMultiplier) >> kHashShift) & kPlaceMask];
  }

  Kept* kept_ = nullptr;
  uint32_t* buckets_ = nullptr;
  uint64_t first_ = 0, last_ = 0;
  size_t bytes_ = 0;
};

core::SpinLock
    lock;  // guards what follows; held while blocks are looked at, so that none goes back to the pool meanwhile
Queue queue;
uint64_t most_bytes;
std::atomic<bool> some_are_linked;

void report_late_write(const core::Inside& inside, ThreadState* thread, const Kept& kept, const FreeingCall& finder) {
  const uintptr_t changed = find_late_write(kept.bounds());
  if (changed == 0) return;
  note_damage(inside, thread, {finder, changed, nullptr}, track::HeapErrorKind::use_after_free, kept.block,
              &kept.freed);
}

void give_back(const core::Inside& inside, ThreadState& thread, const Kept& kept) {
  report_late_write(inside, &thread, kept, kLeavingQuarantine);  // guard: late-write
  release_to_pool(inside, kept.base);
}

bool may_be_linked(const track::Block& block) {
  return block.bytes < sizeof(void*) && some_are_linked.load(std::memory_order_relaxed);
}

void check_bounds(const core::Inside& inside, ThreadState& thread, const HeapCall& call, const track::Block& block,
                  uintptr_t base) {
  if (may_be_linked(block)) return;
  const uintptr_t changed = find_overflow({base, block.address, block.bytes});
  if (changed == 0) return;
  note_damage(inside, &thread, {call.what, changed, call.caller}, track::HeapErrorKind::overflow, block, nullptr);
}

track::HeapEvent event_of(const core::Inside& inside, ThreadState& thread, const HeapCall& call) {
  track::HeapEvent event{core::StackId::unknown, thread.counters->id, core::current_tick()};
  if (thread.last_stack != nullptr && call.caller != nullptr) {
    event.stack = stack::capture_all(inside, *thread.last_stack, *call.caller);
  }
  return event;
}

// The oldest block, where there are too many.
bool take_oldest(Kept* kept) {
  const core::LockScope scope(lock);
  if (queue.bytes() <= most_bytes && queue.count() < kMostQuarantined - kRoomForOthers) return false;
  *kept = queue.pop();
  return true;
}

bool keep(const Kept& kept) {
  const core::LockScope scope(lock);
  if (most_bytes == 0 || queue.count() == kMostQuarantined) return false;
  queue.push(kept);
  return true;
}

void release_at_once(const core::Inside& inside, const Kept& kept) {
  remember_freed(kept.block, kept.freed);
  const core::LockScope scope(lock);
  release_to_pool(inside, kept.base);
}

// ---- At the end of the process ----

constexpr size_t kMostFound = 32;  // in one look; what is found is told once the lock is free

struct Found {
  track::Block block;
  track::HeapEvent freed;
  bool was_freed;
  uintptr_t changed;
};

struct Findings {
  Found found[kMostFound];
  size_t count = 0;

  bool full() const { return count == kMostFound; }
};

void look_at_live(void* context, const track::Block& block) {
  auto& findings = *static_cast<Findings*>(context);
  if (findings.full() || block.tick < facts().ignore_before_tick) return;  // a forked child's parent tells of those
  uintptr_t base = 0;
  track::Block present;
  if (may_be_linked(block) || !track::in_pool_page(block.address) ||
      track::find_block(block.address, &present, &base) != track::RemoveResult::removed) {
    return;
  }
  const GuardedBlock bounds{base, block.address, block.bytes};
  const uintptr_t changed = find_overflow(bounds);
  if (changed == 0) return;
  findings.found[findings.count++] = {block, {}, false, changed};
  draw_bounds(bounds);
}

// What is found is mended, so as not to be found again.
void look_at_all(Findings& findings) {
  const core::LockScope scope(lock);
  track::for_each_live_block(&look_at_live, &findings);
  queue.for_each([&](const Kept& kept) {
    const uintptr_t changed = findings.full() ? 0 : find_late_write(kept.bounds());
    if (changed == 0) return;
    findings.found[findings.count++] = {kept.block, kept.freed, true, changed};
    fill_freed(kept.bounds());
  });
}

void tell(const core::Inside& inside, const Found& one) {
  const track::HeapErrorKind kind =
      one.was_freed ? track::HeapErrorKind::use_after_free : track::HeapErrorKind::overflow;
  note_damage(inside, nullptr, {kEndOfProcess, one.changed, nullptr}, kind, one.block,
              one.was_freed ? &one.freed : nullptr);
}

}  // namespace

void configure_quarantine(uint64_t bytes) { most_bytes = queue.make() ? bytes : 0; }

void retire_guarded(const core::Inside& inside, ThreadState& thread, const HeapCall& call, const track::Block& block,
                    uintptr_t base) {
  check_bounds(inside, thread, call, block, base);  // guard: bounds
  const size_t held_bytes = pool::block_page(reinterpret_cast<void*>(base)).block_bytes;
  const Kept kept{block, base, held_bytes, event_of(inside, thread, call), 0};
  if (held_bytes > most_bytes / 2) return release_at_once(inside, kept);
  fill_freed(kept.bounds());
  if (!keep(kept)) return release_at_once(inside, kept);
  for (Kept oldest; take_oldest(&oldest);) give_back(inside, thread, oldest);
}

void note_linked_block() { some_are_linked.store(true, std::memory_order_relaxed); }

bool find_quarantined(uintptr_t address, track::Block* block, track::HeapEvent* freed) {
  if (!guards_blocks()) return false;
  const core::LockScope scope(lock);
  const Kept* kept = queue.find(address);
  if (kept == nullptr) return false;
  *block = kept->block;
  *freed = kept->freed;
  return true;
}

void check_guarded_blocks(const core::Inside& inside) {
  if (!guards_blocks()) return;
  Findings findings;
  do {
    findings.count = 0;
    look_at_all(findings);
    for (size_t i = 0; i < findings.count; ++i) tell(inside, findings.found[i]);
  } while (findings.full());
}

// The kernel copies page after page while the parent's other threads go on: what they were putting in may be half here.
void quarantine_reset_after_fork() {
  lock.reset_after_fork();
  if (!guards_blocks()) return;
  queue.release();
  queue = Queue();
  if (!queue.make()) most_bytes = 0;  // guard: quarantine-of-parent
}

}  // namespace weir::runtime
