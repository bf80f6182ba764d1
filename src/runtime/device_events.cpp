#include "runtime/device_events.h"

#include "core/clock.h"
#include "cuda/allocation_table.h"
#include "cuda/call.h"
#include "cuda/call_names.h"
#include "cuda/contexts.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/entry_points.h"
#include "cuda/graphs.h"
#include "cuda/heap_errors.h"
#include "cuda/hooks.h"
#include "cuda/out_of_memory.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/pool_warnings.h"
#include "cuda/pool/upkeep.h"
#include "cuda/running_captures.h"
#include "cuda/transfers.h"
#include "options/options.h"
#include "runtime/absent_driver.h"
#include "runtime/control.h"
#include "runtime/control_opening.h"
#include "runtime/device_pool_settings.h"
#include "runtime/host_pin_blocks.h"
#include "runtime/host_symbols.h"
#include "runtime/symbol_look_up.h"
#include "runtime/thread_state.h"
#include "runtime/timeline.h"
#include "stack/python_frames.h"

namespace weir::runtime {
namespace {

cuda::Origin origin_of(const core::Guard& guard, const stack::Registers& caller) {
  cuda::Origin origin;
  if (ThreadState* thread = this_thread(guard)) {
    origin.thread = thread->counters->id;
    if (thread->last_stack != nullptr) origin.stack = stack::capture_all(guard.token(), *thread->last_stack, caller);
  }
  origin.tick = core::current_tick();
  return origin;
}

void take_point_if_due(const core::Inside& inside, uint64_t tick) { note_time(inside, tick); }

}  // namespace

void know_exports_of_driver(const void* first) {
  cuda::set_exports(first);
  note_modules_of_start();
  cuda::set_interposer_source(&definition_of_start);
  hide_exports_without_driver();
}

void configure_device_events() {
  const cuda::pool::Settings pools = pool_settings_from_options();
  const bool has_pools = pools.device_mode != cuda::pool::Mode::off;
  const bool has_pins = options::current().host_pin_above != 0;
  if (!options::current().cuda) return;
  if (!(options::tracks_device() || options::tracks_pinned() || has_pools || has_pins)) return;
  cuda::pool::configure(pools);
  configure_host_pin_blocks();
  cuda::configure({&origin_of, options::tracks_device(), options::tracks_pinned(), options::current().oom_report,
                   options::current().ctl ? &serve_control : nullptr,
                   options::current().timeline != 0 ? &take_point_if_due : nullptr});
}

void device_events_reset_after_fork() {
  cuda::allocation_table_reset_after_fork();
  cuda::call_names_reset_after_fork();
  cuda::running_captures_reset_after_fork();
  cuda::contexts_reset_after_fork();
  cuda::device_memory_reset_after_fork();
  cuda::driver_reset_after_fork();
  cuda::entry_counts_reset_after_fork();
  cuda::graphs_reset_after_fork();
  cuda::heap_errors_reset_after_fork();
  cuda::out_of_memory_reset_after_fork();
  cuda::pool::reset_after_fork();
  cuda::pool::pool_warnings_reset_after_fork();
  cuda::transfers_reset_after_fork();
  control_reset_after_fork();
}

}  // namespace weir::runtime
