// What the options say of the heap, read once; and what a forked child must not go on with.
#include "core/arena.h"
#include "core/own_memory.h"
#include "core/print.h"
#include "leak/ignored.h"
#include "leak/root_regions.h"
#include "options/options.h"
#include "pool/host_pool.h"
#include "pool/page_identity.h"
#include "pool/pool_memory.h"
#include "pool/pool_statistics.h"
#include "runtime/acquire.h"
#include "runtime/device_events.h"
#include "runtime/general_path.h"
#include "runtime/guarded_blocks.h"
#include "runtime/host_allocator.h"
#include "runtime/out_of_memory.h"
#include "runtime/pinned_buffers.h"
#include "runtime/plain_path.h"
#include "runtime/process.h"
#include "runtime/quarantine.h"
#include "runtime/running_report.h"
#include "runtime/runtime.h"
#include "runtime/timeline.h"
#include "stack/python_frames.h"
#include "track/live_set.h"
#include "track/page_usage.h"
#include "track/pool_records.h"
#include "track/recording.h"
#include "track/sampling.h"

namespace weir::runtime {
namespace {

pool::PageUsage read_usage() {
  const track::PageUsageTotals totals =
      track::read_page_usage([](const void* page) { return static_cast<const mi_page_t*>(page)->used; });
  return {totals.page_bytes, totals.active_page_bytes, totals.allocated_bytes};
}

// The untracked path takes for granted that pages with free blocks are known.
void know_page_where_sampling(const core::Inside& inside, void* block) {
  if (!track::sampling()) return;
  ThreadState* thread = this_thread(inside);
  if (thread != nullptr) know_page_of(inside, *thread, block);
}

void prewarm(const core::Inside& inside, const char* list) {
  uint64_t bytes = 0, count = 0;
  while (options::next_prewarm_item(&list, &bytes, &count)) {
    pool::prewarm_pool(inside, bytes, count, &know_page_where_sampling);
  }
}

uint64_t sampling_mean_of(const options::Options& chosen) {
  if (!options::tracks_host()) return track::kNeverDrawn;
  if (chosen.sample != 0 && !chosen.host_pool) {
    core::print_line("WEIR_SAMPLE needs the pool: with WEIR_HOST_POOL=off every block is tracked");
    return 0;
  }
  return chosen.sample;
}

uintptr_t block_that_holds(uintptr_t address) {
  track::Block block;
  return track::find_block(address, &block, nullptr) == track::RemoveResult::removed ? block.address : 0;
}

constexpr uint64_t kUsualQuarantineBytes = uint64_t{64} << 20;

bool guards_by(const options::Options& chosen) {
  if (chosen.guard == 0) return false;
  const bool possible = chosen.host_pool && !track::sampling();
  if (!possible) core::print_line("WEIR_GUARD needs the pool and a record of every block: blocks are not guarded");
  return possible;
}

}  // namespace

void configure_runtime(const core::Inside& inside) {
  const options::Options& chosen = options::current();
  resolve_host_allocator();
  configure_acquire(chosen.host_pool, chosen.host_min_align);
  track::sampling_mean = sampling_mean_of(chosen);
  begin_timeline();
  begin_running_reports();
  if (!chosen.start) track::begin_paused();
  prepare_thread_ends();
  const bool guarded = guards_by(chosen);
  if (guarded) guard_blocks(chosen.guard == options::kUsualBudget ? kUsualQuarantineBytes : chosen.guard);
  if (chosen.python) stack::show_python_frames(&block_that_holds);
  allow_plain_path(chosen.host_pool && !chosen.debug && !guarded && !chosen.python &&
                   chosen.host_min_align <= pool::kNaturalAlignment);
  configure_device_events();
  stack::configure_capture({static_cast<uint32_t>(chosen.stack_depth), chosen.debug});
  if (!chosen.host_pool) {
    pool::note_pool_disabled();
    return;
  }
  pool::observe_pool_unmaps(&track::forget_pool_range);
  pool::set_usage_reader(&read_usage);
  pool::configure_pool(inside, {chosen.host_pool_initial, chosen.host_pool_growth});
  prewarm(inside, chosen.host_pool_prewarm);
}

void runtime_reset_after_fork() {
  first_own_word1 = (facts().ignore_before_tick + 1) << track::kTickRecordShift;
  core::own_memory_reset_after_fork();
  core::arena_reset_after_fork();
  track::live_set_reset_after_fork();
  track::stack_counters_reset_after_fork();
  track::recording_reset_after_fork();
  leak::ignored_reset_after_fork();
  leak::root_regions_reset_after_fork();
  out_of_memory_reset_after_fork();
  heap_faults_reset_after_fork();
  quarantine_reset_after_fork();
  thread_states_reset_after_fork();
  timeline_reset_after_fork();
  begin_running_reports();
  pool::pool_memory_reset_after_fork();
  stack::capture_reset_after_fork();
  device_events_reset_after_fork();
  pinned_buffers_reset_after_fork();
}

}  // namespace weir::runtime
