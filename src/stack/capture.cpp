#include "stack/capture.h"

#include <dlfcn.h>

#include <cstring>
#include <new>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "stack/full_unwind.h"
#include "stack/last_stack.h"
#include "stack/module_registry.h"

extern "C" void* __tls_get_addr(void*);

namespace weir::stack {

CaptureSettings capture_settings;

namespace detail {
uintptr_t loader_start, loader_bytes;
}

namespace {

core::SpinLock threads_lock;
LastStack* threads;
CaptureCounters ended;  // of threads that released their stack

void add_counters(const LastStack& last, CaptureCounters* sum) {
  auto value = [](const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  sum->same += value(last.same);
  sum->spliced += value(last.spliced);
  sum->walked += value(last.plain);
  sum->full_unwinds += value(last.full_unwinds);
  sum->truncated += value(last.truncated);
  sum->compared += value(last.compared);
  sum->compared_spliced += value(last.compared_spliced);
  sum->mismatches += value(last.mismatches);
}

void clear_counters(LastStack* last) {
  for (std::atomic<uint64_t>* counter :
       {&last->same, &last->spliced, &last->plain, &last->full_unwinds, &last->truncated, &last->compared,
        &last->compared_spliced, &last->mismatches}) {
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

void link_thread(LastStack* last) {
  core::LockScope scope(threads_lock);
  last->next = threads;
  if (threads != nullptr) threads->previous = last;
  threads = last;
}

void unlink_thread(LastStack* last) {
  core::LockScope scope(threads_lock);
  (last->previous != nullptr ? last->previous->next : threads) = last->next;
  if (last->next != nullptr) last->next->previous = last->previous;
  add_counters(*last, &ended);
}

void release_arrays(LastStack* last) {
  core::arena_release(last->frames, last->capacity * sizeof(Frame));
  core::arena_release(last->walked, last->capacity * sizeof(Frame));
  core::arena_release(last->checks, last->capacity * kChecksPerFrame * sizeof(Check));
}

inline bool is_unchanged(const LastStack& last, const Registers& caller) {
  const uintptr_t difference = (caller.ip ^ last.leaf_ip) | (caller.sp ^ last.leaf_sp) |
                               ((caller.rbp ^ last.leaf_rbp) & last.leaf_rbp_mask) |
                               (module_generation.load(std::memory_order_acquire) ^ last.generation);
  return difference == 0 && first_changed(last.checks, last.checks_end) == nullptr;
}

[[gnu::noinline]] core::StackId capture_and_compare(LastStack& last, const Registers& caller) {
  Path path = Path::same;
  const core::StackId stack = is_unchanged(last, caller) ? last.leaf_stack : capture_changed(last, caller, &path);
  if (path == Path::same) count_one(last.same);
  compare_with_libunwind(last, caller, stack, path);
  return stack;
}

[[gnu::noinline]] core::StackId capture_slowly(LastStack& last, const Registers& caller) {
  Path path;
  return capture_changed(last, caller, &path);
}

}  // namespace

core::StackId capture(const core::Inside&, LastStack& last, const Registers& caller) {
  if (capture_settings.compare_with_libunwind) [[unlikely]]
    return capture_and_compare(last, caller);
  if (!is_unchanged(last, caller)) [[unlikely]]
    return capture_slowly(last, caller);
  count_one(last.same);
  return last.leaf_stack;
}

LastStack* create_last_stack() {
  find_loader();
  seed_stack_table();
  auto* last = core::arena_array<LastStack>(1);
  if (last == nullptr) return nullptr;
  new (last) LastStack;
  if (!ensure_capacity(*last, kFirstCapacity)) {
    core::arena_release(last, sizeof *last);
    return nullptr;
  }
  link_thread(last);
  return last;
}

void release_last_stack(LastStack* last) {
  if (last == nullptr) return;
  unlink_thread(last);
  release_arrays(last);
  core::arena_release(last, sizeof *last);
}

bool ensure_capacity(LastStack& last, uint32_t frames) {
  if (frames <= last.capacity) [[likely]]
    return true;
  uint32_t capacity = last.capacity == 0 ? kFirstCapacity : last.capacity;
  while (capacity < frames) capacity *= 2;
  LastStack grown;
  grown.capacity = capacity;
  grown.frames = core::arena_array<Frame>(capacity);
  grown.walked = core::arena_array<Frame>(capacity);
  grown.checks = core::arena_array<Check>(size_t{capacity} * kChecksPerFrame);
  if (grown.frames == nullptr || grown.walked == nullptr || grown.checks == nullptr) {
    release_arrays(&grown);
    return false;
  }
  LastStack outgrown;
  outgrown.frames = last.frames;
  outgrown.walked = last.walked;
  outgrown.checks = last.checks;
  outgrown.capacity = last.capacity;
  if (outgrown.capacity != 0) {
    memcpy(grown.frames, last.frames, last.capacity * sizeof(Frame));
    memcpy(grown.walked, last.walked, last.capacity * sizeof(Frame));
    memcpy(grown.checks, last.checks, last.capacity * kChecksPerFrame * sizeof(Check));
  }
  last.checks_end = grown.checks + (last.checks_end - last.checks);
  last.capacity = capacity;
  last.frames = grown.frames;
  last.walked = grown.walked;
  last.checks = grown.checks;
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
  // guard: generation-bump
  module_generation.fetch_add(1, std::memory_order_release);
}

CaptureCounters capture_counters() {
  core::LockScope scope(threads_lock);
  CaptureCounters sum = ended;
  for (const LastStack* last = threads; last != nullptr; last = last->next) add_counters(*last, &sum);
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
  ended = {};
  for (LastStack* last = threads; last != nullptr; last = last->next) clear_counters(last);
}

}  // namespace weir::stack
