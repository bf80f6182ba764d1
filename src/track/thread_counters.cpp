#include "track/thread_counters.h"

#include <sys/prctl.h>

#include "core/arena.h"
#include "core/confinement.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "core/system_call.h"

namespace weir::track {

std::atomic<uint64_t> nested_event_count;
int64_t process_live_bytes;
int64_t process_peak_bytes;
uint64_t process_peak_tick;
uint32_t peak_epoch;
std::atomic<int64_t> publish_threshold{0};

namespace {

// All threads together may hold back this much: the stated error of the peak.
constexpr int64_t kHeldBackBytes = int64_t{1} << 20;
constexpr size_t kThreadInfoChunk = 64;
constexpr size_t kThreadInfoChunks = (core::kMaxThreadId + kThreadInfoChunk) / kThreadInfoChunk;

core::SpinLock threads_lock;
ThreadCounters* live_threads;
WEIR_LARGE_TABLE constinit ThreadCounters retired_threads{};
uint32_t live_thread_count;
uint32_t last_thread_id;
WEIR_LARGE_TABLE std::atomic<ThreadInfo*> thread_infos[kThreadInfoChunks];

void set_publish_threshold() {
  const int64_t sharers = int64_t{live_thread_count} * 2;
  publish_threshold.store(sharers == 0 ? 0 : kHeldBackBytes / sharers, std::memory_order_relaxed);
}

ThreadInfo* info_slot(core::ThreadId id) {
  const uint32_t index = core::index_of(id);
  std::atomic<ThreadInfo*>& chunk = thread_infos[index / kThreadInfoChunk];
  ThreadInfo* infos = chunk.load(std::memory_order_acquire);
  if (infos == nullptr) {
    infos = core::arena_array<ThreadInfo>(kThreadInfoChunk);
    if (infos == nullptr) return nullptr;
    chunk.store(infos, std::memory_order_release);
  }
  return &infos[index % kThreadInfoChunk];
}

void note_thread_name(const ThreadCounters& counters) {
  if (ThreadInfo* info = info_slot(counters.id)) {
    info->tid = counters.tid;
    if (!core::system_calls_restricted()) core::system_call(SYS_prctl, PR_GET_NAME, core::as_argument(info->name));
  }
}

void add(ThreadFigures& sum, const ThreadFigures& part) {
  sum.alloc_count += part.alloc_count;
  sum.alloc_bytes += part.alloc_bytes;
  sum.free_count += part.free_count;
  sum.free_bytes += part.free_bytes;
  sum.peak_bytes += part.peak_bytes;
  sum.miss_count += part.miss_count;
}

void add(ThreadCounters& sum, const ThreadCounters& part) {
  sum.unpublished_live_bytes += part.unpublished_live_bytes;
  sum.temporary_count += part.temporary_count;
  sum.realloc_count += part.realloc_count;
  sum.realloc_in_place_count += part.realloc_in_place_count;
  sum.failed_count += part.failed_count;
  sum.foreign_free_count += part.foreign_free_count;
  sum.double_free_count += part.double_free_count;
  sum.interior_free_count += part.interior_free_count;
  sum.untracked_count += part.untracked_count;
  sum.sample_count += part.sample_count;
  for (size_t i = 0; i <= kSizeClasses; ++i) add(sum.size_classes[i], part.size_classes[i]);
  for (size_t i = 0; i < kPowersOfTwo; ++i) add(sum.displaced[i], part.displaced[i]);
}

// A class's peak over several threads is not known exactly: the threads' own peaks bound it from above.
Figures figures_of(const ThreadFigures& sum) {
  const uint64_t peak = sum.peak_bytes < sum.alloc_bytes ? sum.peak_bytes : sum.alloc_bytes;
  const uint64_t hits = sum.alloc_count > sum.miss_count ? sum.alloc_count - sum.miss_count : 0;
  return {sum.alloc_count, sum.alloc_bytes, sum.free_count, sum.free_bytes, peak, hits};
}

ThreadFigures sum_of_classes(const ThreadCounters& sum) {
  ThreadFigures all{};
  for (const ThreadFigures& of_class : sum.size_classes) add(all, of_class);
  return all;
}

// A power of two's peak is the sum of its classes' peaks: a bound, too.
void fill_powers_of_two(const ThreadCounters& sum, Figures* rows) {
  ThreadFigures powers[kPowersOfTwo];
  for (size_t i = 0; i < kPowersOfTwo; ++i) powers[i] = sum.displaced[i];
  for (uint8_t i = 0; i < kSizeClasses && size_class_bytes(i) != 0; ++i) {
    add(powers[power_of_two_index(size_class_bytes(i))], sum.size_classes[i]);
  }
  for (size_t i = 0; i < kPowersOfTwo; ++i) rows[i] = figures_of(powers[i]);
}

void sort_by_block_bytes(SizeClassFigures* rows, size_t count) {
  for (size_t i = 1; i < count; ++i) {
    const SizeClassFigures row = rows[i];
    size_t j = i;
    for (; j > 0 && rows[j - 1].block_bytes > row.block_bytes; --j) rows[j] = rows[j - 1];
    rows[j] = row;
  }
}

size_t fill_size_classes(const ThreadCounters& sum, SizeClassFigures* rows) {
  size_t count = 0;
  for (uint8_t i = 0; i < kSizeClasses; ++i) {
    if (size_class_bytes(i) == 0) break;
    rows[count++] = {size_class_bytes(i), figures_of(sum.size_classes[i])};
  }
  sort_by_block_bytes(rows, count);
  return count;
}

// All but the number of threads.
void fill_totals(const ThreadCounters& sum, HostTotals& totals) {
  totals.all = figures_of(sum_of_classes(sum));
  const int64_t live = std::atomic_ref(process_live_bytes).load(std::memory_order_relaxed) + sum.unpublished_live_bytes;
  const int64_t peak = std::atomic_ref(process_peak_bytes).load(std::memory_order_relaxed);
  totals.all.peak_bytes = static_cast<uint64_t>(live > peak ? live : peak);
  totals.peak_tick = std::atomic_ref(process_peak_tick).load(std::memory_order_relaxed);
  fill_size_classes(sum, totals.size_classes);
  fill_powers_of_two(sum, totals.powers_of_two);
  totals.large_count = sum.size_classes[kNoSizeClass].alloc_count;
  totals.realloc_count = sum.realloc_count;
  totals.realloc_in_place_count = sum.realloc_in_place_count;
  totals.failed_count = sum.failed_count;
  totals.temporary_count = sum.temporary_count;
  totals.foreign_free_count = sum.foreign_free_count;
  totals.double_free_count = sum.double_free_count;
  totals.interior_free_count = sum.interior_free_count;
  totals.untracked_count = sum.untracked_count;
  totals.sample_count = sum.sample_count;
  totals.nested_count = nested_event_count.load(std::memory_order_relaxed);
}

}  // namespace

ThreadCounters* create_thread_counters(core::ThreadId id) {
  auto* counters = core::arena_array<ThreadCounters>(1);
  if (counters == nullptr) return nullptr;
  counters->tid = core::system_calls_restricted() ? 0 : core::current_tid();
  counters->deltas.entries = &counters->deltas.first;
  {
    core::LockScope scope(threads_lock);
    if (id == core::ThreadId::unknown) {
      if (last_thread_id < core::kMaxThreadId) ++last_thread_id;
      id = static_cast<core::ThreadId>(last_thread_id);
    }
    counters->id = id;
    counters->next = live_threads;
    live_threads = counters;
    ++live_thread_count;
    set_publish_threshold();
  }
  note_thread_name(*counters);
  return counters;
}

void retire_thread_counters(ThreadCounters* counters) {
  note_thread_name(*counters);
  publish_shared(*counters);
  const StackDeltas& deltas = counters->deltas;
  {
    core::LockScope scope(threads_lock);
    flush_stack_deltas(counters->deltas);
    ThreadCounters** link = &live_threads;
    while (*link != counters) link = &(*link)->next;
    *link = counters->next;
    --live_thread_count;
    set_publish_threshold();
    add(retired_threads, *counters);
  }
  if (deltas.mask != 0) core::arena_release(deltas.entries, deltas.bytes());
  core::arena_release(counters, sizeof *counters);
}

void publish_shared(ThreadCounters& counters) {
  const int64_t bytes = counters.unpublished_live_bytes;
  counters.unpublished_live_bytes = 0;
  const int64_t live = std::atomic_ref(process_live_bytes).fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::atomic_ref highest(process_peak_bytes);
  int64_t peak = highest.load(std::memory_order_relaxed);
  while (live > peak) {
    if (highest.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
      std::atomic_ref(process_peak_tick).store(core::current_tick(), std::memory_order_relaxed);
      std::atomic_ref(peak_epoch).fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
}

namespace {

// Grows the thread's cache of stack deltas where more than one event in sixteen missed it. The lock keeps a report from reading the
// outgrown one meanwhile.
void judge_delta_size(ThreadCounters& counters) {
  const ThreadFigures all = sum_of_classes(counters);
  const uint64_t events = all.alloc_count + all.free_count;
  const bool worth_it = uint64_t{counters.deltas.misses} * 16 > events - counters.events_judged;
  counters.events_judged = events;
  counters.deltas.misses = 0;
  if (!worth_it) return;
  core::LockScope scope(threads_lock);
  grow_stack_deltas(counters.deltas);
}

}  // namespace

StackDelta& replace_delta(ThreadCounters& counters, core::StackId stack) {
  constexpr uint32_t kMissesForgiven = 16;
  if (counters.deltas.misses > 4 * counters.deltas.mask + kMissesForgiven) judge_delta_size(counters);
  return replace_stack_delta(counters.deltas, stack);
}

void for_each_stack_delta(DeltaVisitor visit, void* context) {
  core::LockScope scope(threads_lock);
  for (const ThreadCounters* thread = live_threads; thread != nullptr; thread = thread->next) {
    for (uint32_t i = 0; i <= thread->deltas.mask; ++i) {
      const StackDelta delta = thread->deltas.entries[i];
      if (!delta.empty()) visit(context, delta);
    }
  }
}

namespace {

// Those of one thread alone may be less than none.
void add_live(const ThreadCounters& counters, int64_t& bytes, int64_t& count) {
  for (const ThreadFigures& of_class : counters.size_classes) {
    bytes += of_class.live_bytes();
    count += static_cast<int64_t>(of_class.alloc_count - of_class.free_count);
  }
}

uint64_t none_below(int64_t value) { return value < 0 ? 0 : static_cast<uint64_t>(value); }

}  // namespace

LiveFigures read_live_figures() {
  int64_t bytes = 0, count = 0;
  core::LockScope scope(threads_lock);
  add_live(retired_threads, bytes, count);
  for (const ThreadCounters* thread = live_threads; thread != nullptr; thread = thread->next) {
    add_live(*thread, bytes, count);
  }
  return {none_below(bytes), none_below(count)};
}

// One object, and so made where the caller wants it: another copy is more than a small thread's stack has.
HostTotals read_totals() {
  HostTotals totals{};
  auto* sum = core::arena_array<ThreadCounters>(1);
  if (sum == nullptr) return totals;
  {
    core::LockScope scope(threads_lock);
    totals.thread_count = last_thread_id;
    add(*sum, retired_threads);
    for (const ThreadCounters* thread = live_threads; thread != nullptr; thread = thread->next) add(*sum, *thread);
  }
  fill_totals(*sum, totals);
  core::arena_release(sum, sizeof *sum);
  return totals;
}

const ThreadInfo* thread_info(core::ThreadId thread) {
  if (thread == core::ThreadId::unknown || core::index_of(thread) >= core::kMaxThreadId) return nullptr;
  const ThreadInfo* infos = thread_infos[core::index_of(thread) / kThreadInfoChunk].load(std::memory_order_acquire);
  const ThreadInfo* info = infos == nullptr ? nullptr : &infos[core::index_of(thread) % kThreadInfoChunk];
  return info == nullptr || info->tid == 0 ? nullptr : info;
}

void thread_counters_reset_after_fork(ThreadCounters* survivor) {
  threads_lock.reset_after_fork();
  live_threads = survivor;
  live_thread_count = survivor == nullptr ? 0 : 1;
  last_thread_id = live_thread_count;
  retired_threads = {};
  nested_event_count.store(0, std::memory_order_relaxed);
  process_live_bytes = 0;
  process_peak_bytes = 0;
  process_peak_tick = 0;
  peak_epoch = 0;
  set_publish_threshold();
  if (survivor == nullptr) return;
  const core::ThreadId id = survivor->id;
  const StackDeltas deltas = survivor->deltas;
  if (deltas.mask != 0) core::arena_release(deltas.entries, deltas.bytes());
  *survivor = {};
  survivor->id = id;
  survivor->deltas.entries = &survivor->deltas.first;
  survivor->tid = core::system_calls_restricted() ? 0 : core::current_tid();
}

}  // namespace weir::track
