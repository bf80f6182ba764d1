#include "stack/capture.h"

#include <dlfcn.h>

#include <cstring>
#include <new>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "stack/full_unwind.h"
#include "stack/last_stack.h"
#include "stack/module_registry.h"
#include "stack/python/interpreter.h"
#include "stack/python/thread_walks.h"
#include "stack/python_frames.h"
#include "stack/rule_cache.h"

extern "C" void* __tls_get_addr(void*);

namespace weir::stack {

CaptureSettings capture_settings;

namespace detail {
uintptr_t loader_start, loader_bytes;
}

namespace {

core::SpinLock threads_lock;
ThreadStack* threads;
CaptureCounters ended;  // of threads that released their stack

void add_counters(const ThreadStack& last, CaptureCounters* sum) {
  auto value = [](const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  sum->same += value(last.same);
  sum->recalled += value(last.recalled);
  sum->spliced += value(last.recalled) + value(last.spliced);
  sum->plain += value(last.plain);
  sum->walked += value(last.walked_whole) + value(last.plain);
  sum->full_unwinds += value(last.full_unwinds);
  sum->truncated += value(last.truncated);
  sum->compared += value(last.compared);
  sum->compared_recalled += value(last.compared_recalled);
  sum->compared_spliced += value(last.compared_spliced);
  sum->compared_plain += value(last.compared_plain);
  sum->mismatches += value(last.mismatches);
  const python::ThreadWalks* walks = last.walks.load(std::memory_order_acquire);
  if (walks == nullptr) return;
  sum->python += value(walks->captures);
  sum->python_repeated += value(walks->repeated);
  sum->python_unmatched += value(walks->unmatched);
}

void clear_counters(ThreadStack* last) {
  for (std::atomic<uint64_t>* counter :
       {&last->same, &last->recalled, &last->spliced, &last->walked_whole, &last->plain, &last->full_unwinds,
        &last->truncated, &last->compared, &last->compared_recalled, &last->compared_spliced, &last->compared_plain,
        &last->mismatches}) {
    counter->store(0, std::memory_order_relaxed);
  }
  python::ThreadWalks* walks = last->walks.load(std::memory_order_relaxed);
  if (walks == nullptr) return;
  for (std::atomic<uint64_t>* counter : {&walks->captures, &walks->repeated, &walks->unmatched}) {
    counter->store(0, std::memory_order_relaxed);
  }
}

// The loader itself exports __tls_get_addr: its address tells where the loader is.
void find_loader() {
  dl_find_object loader;
  if (detail::loader_bytes != 0 || _dl_find_object(reinterpret_cast<void*>(&__tls_get_addr), &loader) != 0) return;
  detail::loader_start = reinterpret_cast<uintptr_t>(loader.dlfo_map_start);
  detail::loader_bytes = reinterpret_cast<uintptr_t>(loader.dlfo_map_end) - detail::loader_start;
}

void link_thread(ThreadStack* last) {
  core::LockScope scope(threads_lock);
  last->next = threads;
  if (threads != nullptr) threads->previous = last;
  threads = last;
}

void unlink_thread(ThreadStack* last) {
  core::LockScope scope(threads_lock);
  (last->previous != nullptr ? last->previous->next : threads) = last->next;
  if (last->next != nullptr) last->next->previous = last->previous;
  add_counters(*last, &ended);
}

size_t check_bytes(uint32_t frames) { return (size_t{frames} * kChecksPerFrame + 1) * sizeof(Check); }

size_t frame_bytes(uint32_t frames) { return (size_t{frames} + 1) * sizeof(Frame); }

void release_arrays(ThreadStack* last) {
  core::arena_release(last->frames, frame_bytes(last->capacity));
  core::arena_release(last->walked, last->capacity * sizeof(WalkedFrame));
  core::arena_release(last->own_checks, check_bytes(last->capacity));
}

void release_memory(ThreadStack* last) {
  release_arrays(last);
  last->recent.release();
  last->children.release();
  python::release_walks(last->walks);
  core::arena_release(last, sizeof *last);
}

// The root, and the check that never holds.
void put_sentinels(ThreadStack* last) {
  Frame root{};
  root.sp = ~uintptr_t{0};
  root.node = NodeId::complete_root;
  root.set_checks(1, false);
  last->frames[0] = root;
  last->own_checks[0] = kCheckSentinel;
}

}  // namespace

LastStack* create_last_stack() {
  find_loader();
  seed_stack_table();
  auto* last = core::arena_array<ThreadStack>(1);
  if (last == nullptr) return nullptr;
  new (last) ThreadStack;
  if (!ensure_capacity(*last, kFirstCapacity) || !last->recent.create() || !last->children.create()) {
    release_memory(last);
    return nullptr;
  }
  link_thread(last);
  return last;
}

void release_last_stack(LastStack* leaf) {
  if (leaf == nullptr) return;
  auto* last = static_cast<ThreadStack*>(leaf);
  unlink_thread(last);
  release_memory(last);
}

void forget_recent_stacks(const core::Inside&, LastStack* leaf) {
  if (leaf == nullptr) return;
  auto* last = static_cast<ThreadStack*>(leaf);
  last->forget();
  last->recent.empty();
  last->children.empty();
}

bool ensure_capacity(ThreadStack& last, uint32_t frames) {
  if (frames <= last.capacity) [[likely]]
    return true;
  uint32_t capacity = last.capacity == 0 ? kFirstCapacity : last.capacity;
  while (capacity < frames) capacity *= 2;
  ThreadStack grown;
  grown.capacity = capacity;
  grown.frames = core::arena_array<Frame>(size_t{capacity} + 1);
  grown.walked = core::arena_array<WalkedFrame>(capacity);
  grown.own_checks = core::arena_array<Check>(check_bytes(capacity) / sizeof(Check));
  if (grown.frames == nullptr || grown.walked == nullptr || grown.own_checks == nullptr) {
    release_arrays(&grown);
    return false;
  }
  put_sentinels(&grown);
  ThreadStack outgrown;
  outgrown.frames = last.frames;
  outgrown.walked = last.walked;
  outgrown.own_checks = last.own_checks;
  outgrown.capacity = last.capacity;
  if (outgrown.capacity != 0) {
    memcpy(static_cast<void*>(grown.frames), last.frames, frame_bytes(last.capacity));
    memcpy(static_cast<void*>(grown.walked), last.walked, last.capacity * sizeof(WalkedFrame));
    memcpy(static_cast<void*>(grown.own_checks), last.own_checks, check_bytes(last.capacity));
  }
  last.capacity = capacity;
  last.frames = grown.frames;
  last.walked = grown.walked;
  last.own_checks = grown.own_checks;
  release_arrays(&outgrown);  // last: a handler that leaves by longjmp must not find them given back and still in use
  return true;
}

void configure_capture(const CaptureSettings& settings) {
  capture_settings = settings;
  if (capture_settings.max_depth == 0) capture_settings.max_depth = 1;
  find_loader();
  seed_stack_table();
}

void detail::notice_free_by_loader(const void* pointer) {
  core::Guard guard;  // a signal handler that allocates must not come by the locks below
  const core::ModuleId module = forget_module_of(pointer);
  if (module == core::ModuleId::none) return;
  drop_rules_of(module);
  python::forget_interpreter_in(module);
  // guard: generation-bump
  module_generation.fetch_add(1, std::memory_order_release);
}

CaptureCounters capture_counters() {
  core::LockScope scope(threads_lock);
  CaptureCounters sum = ended;
  for (const ThreadStack* last = threads; last != nullptr; last = last->next) add_counters(*last, &sum);
  sum.captures = sum.same + sum.spliced + sum.walked;
  sum.rules_built = rules_built();
  return sum;
}

void capture_reset_after_fork() {
  threads_lock.reset_after_fork();
  module_registry_reset_after_fork();
  rule_cache_reset_after_fork();
  stack_table_reset_after_fork();
  full_unwind_reset_after_fork();
  python_frames_reset_after_fork();
  ended = {};
  for (ThreadStack* last = threads; last != nullptr; last = last->next) clear_counters(last);
}

}  // namespace weir::stack
