#include "runtime/pool_interface.h"

#include <cstring>

#include "core/guard.h"
#include "cuda/allocation_table.h"
#include "cuda/call.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/pool/pool_control.h"
#include "options/options.h"
#include "pool/pool_statistics.h"
#include "runtime/device_pool_settings.h"
#include "runtime/heap_information.h"
#include "runtime/process.h"
#include "track/totals.h"

namespace weir::runtime {
namespace {

using cuda::pool::Figures;
using cuda::pool::Memory;

bool is_tracking() { return process_stage.load(std::memory_order_acquire) == Stage::tracking; }

bool has_driver() { return is_tracking() && cuda::driver_was_bound() && !cuda::holds_lock(); }

// What the driver calls meanwhile is not the program's.
template <class Ask>
uint64_t ask_pools(const Ask& ask) {
  if (!has_driver() || !cuda::bind_driver()) return 0;
  const cuda::InDriver in_driver(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  return ask();
}

double ratio_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void read_host_figures(weir_pool_stats* result) {
  const core::Guard guard;
  const pool::PoolStatistics pool = pool::read_pool_statistics();
  const track::HostTotals totals = track::read_totals();
  result->requested_bytes = options::tracks_host() ? totals.all.live_bytes() : pool.allocated_bytes;
  result->allocated_bytes = pool.allocated_bytes;
  result->live_count = totals.all.live_count();
  result->active_bytes = pool.active_bytes;
  result->inactive_bytes = pool.inactive_bytes;
  result->cached_bytes = pool.cached_bytes;
  result->capacity_bytes = pool.capacity_bytes;
  result->reserved_bytes = pool.reserved_bytes;
  result->peak_bytes = totals.all.peak_bytes;
  result->peak_reserved_bytes = pool.reserved_peak_bytes;
  result->alloc_count = totals.all.alloc_count;
  result->free_count = totals.all.free_count;
  result->hit_count = totals.hit_count();
  result->miss_count = totals.all.alloc_count - totals.hit_count();
  const uint64_t unasked =
      pool.active_bytes > result->requested_bytes ? pool.active_bytes - result->requested_bytes : 0;
  result->fragmentation = ratio_of(unasked, pool.active_bytes);
  result->utilization = ratio_of(pool.allocated_bytes, pool.reserved_bytes);
  result->hit_rate = totals.hit_ratio();
}

void take_figures(const Figures& figures, weir_pool_stats* result) {
  result->requested_bytes = figures.live_asked_bytes;
  result->allocated_bytes = result->active_bytes = figures.live_bytes;
  result->live_count = figures.live_count;
  result->cached_bytes = figures.cached_bytes;
  result->quarantined_bytes = figures.quarantined_bytes;
  result->capacity_bytes = result->reserved_bytes = figures.reserved_bytes();
  result->peak_bytes = figures.peak_live_bytes;
  result->peak_reserved_bytes = figures.peak_reserved_bytes;
  result->alloc_count = figures.hit_count + figures.miss_count + figures.passed_count;
  result->free_count = figures.kept_count + figures.returned_count;
  result->hit_count = figures.hit_count;
  result->miss_count = figures.miss_count;
  result->fragmentation = figures.fragmentation_ratio();
  result->utilization = figures.utilization_ratio();
  result->hit_rate = figures.hit_ratio();
}

// Of memory that no pool was asked for: all of it came from the driver and went back there.
void add_tracked(const cuda::KindFigures& kind, weir_pool_stats* result) {
  result->requested_bytes += kind.live_bytes();
  result->allocated_bytes = result->active_bytes += kind.live_bytes();
  result->capacity_bytes = result->reserved_bytes += kind.live_bytes();
  result->live_count += kind.live_count();
  result->peak_bytes += kind.peak_bytes;
  result->peak_reserved_bytes = result->peak_bytes;
  result->alloc_count += kind.alloc_count;
  result->free_count += kind.free_count + kind.context_freed_count;
  result->utilization = result->reserved_bytes == 0 ? 0 : 1;
}

void take_tracked(cuda::Kind kind, int device, weir_pool_stats* result) {
  const int first = device == cuda::kNoDevice ? 0 : device;
  const int last = device == cuda::kNoDevice ? cuda::kMostDevices - 1 : device;
  for (int i = first; i <= last; ++i) add_tracked(cuda::device_figures(i).kinds[static_cast<size_t>(kind)], result);
}

bool is_pool_used(Memory memory, int device) {
  if (device != cuda::kNoDevice) return cuda::pool::is_used(memory, device);
  for (int i = 0; i < cuda::kMostDevices; ++i) {
    if (cuda::pool::is_used(memory, i)) return true;
  }
  return false;
}

void read_cuda_figures(Memory memory, int device, weir_pool_stats* result) {
  if (is_pool_used(memory, device)) {
    take_figures(cuda::pool::figures(memory, device), result);
  } else {
    take_tracked(memory == Memory::device ? cuda::Kind::device : cuda::Kind::pinned, device, result);
  }
}

// As it was told last: to ask the driver for another device than the current one would change the program's context.
void read_device_memory(int device, weir_pool_stats* result) {
  const cuda::DeviceMemory memory = cuda::device_memory(device);
  if (!memory.is_known) return;
  result->memory_bytes = memory.total_bytes;
  result->used_bytes = memory.used_bytes;
}

}  // namespace

uint64_t trim_pools(uint64_t keep_bytes) {
  trim_heap();
  return ask_pools([keep_bytes] { return cuda::pool::trim(keep_bytes); });
}

uint64_t compact_pools() {
  trim_heap();
  return ask_pools([] { return cuda::pool::compact(); });
}

bool change_option(const char* name, const char* value) {
  unsigned choice = 0;
  if (name == nullptr || value == nullptr || strcmp(name, "WEIR_CUDA_POOL") != 0) return false;
  if (!options::parse_choice(name, value, &choice)) return false;
  return change_pool_mode(choice);
}

bool change_pool_mode(uint64_t choice) {
  if (choice > options::kCudaPoolVmm || !is_tracking() || cuda::holds_lock()) return false;
  return cuda::pool::set_mode(pool_mode_of(static_cast<unsigned>(choice)));
}

bool read_pool_figures(int pool, weir_pool_stats* result) {
  if (pool < WEIR_ALL_DEVICES || pool >= cuda::kMostDevices || !is_tracking()) return false;
  if (pool == WEIR_HOST_POOL) {
    read_host_figures(result);
  } else if (has_driver()) {
    const bool of_devices = pool != WEIR_PINNED_POOL;
    read_cuda_figures(of_devices ? Memory::device : Memory::pinned, pool < 0 ? cuda::kNoDevice : pool, result);
    if (pool >= 0) read_device_memory(pool, result);
  }
  return true;
}

bool is_device_used(int device) {
  return has_driver() && (is_pool_used(Memory::device, device) || cuda::device_figures(device).is_used);
}

bool copy_to_caller(const weir_pool_stats& from, weir_pool_stats* to) {
  if (to == nullptr || to->struct_bytes < sizeof to->struct_bytes) return false;
  const size_t bytes = to->struct_bytes < sizeof from ? to->struct_bytes : sizeof from;
  memcpy(to, &from, bytes);
  to->struct_bytes = bytes;
  return true;
}

}  // namespace weir::runtime
