#include "cuda/pool/pool_control.h"

#include <atomic>

#include "cuda/driver.h"
#include "cuda/pool/epochs.h"
#include "cuda/pool/host_pins.h"
#include "cuda/pool/segment_pool.h"
#include "cuda/pool/upkeep.h"

namespace weir::cuda::pool {
namespace {

std::atomic<const char*> why_limited{nullptr};

struct IdleParts {
  int device;
  uint64_t quarantined_bytes = 0, quarantined_count = 0;
  uint64_t largest_bytes = 0;
};

bool is_of(int device, int of) { return device == kNoDevice || device == of; }

void add_bin(void* argument, const Bin& bin) {
  auto& parts = *static_cast<IdleParts*>(argument);
  if (!is_of(parts.device, bin.device)) return;
  uint64_t waiting_count = 0;
  for (const Block* block = bin.waiting.first; block != nullptr; block = block->next_in_bin) {
    if (block->freed_number > done_in_all_contexts()) ++waiting_count;
  }
  parts.quarantined_count += waiting_count;
  parts.quarantined_bytes += waiting_count * bin.key.bytes;
  if (bin.idle_count > waiting_count && bin.key.bytes > parts.largest_bytes) parts.largest_bytes = bin.key.bytes;
}

void add(Figures& sum, const Figures& one) {
  sum.is_used = sum.is_used || one.is_used;
  sum.live_bytes += one.live_bytes;
  sum.live_count += one.live_count;
  sum.live_asked_bytes += one.live_asked_bytes;
  sum.cached_bytes += one.cached_bytes;
  sum.cached_count += one.cached_count;
  sum.peak_live_bytes += one.peak_live_bytes;
  sum.peak_reserved_bytes += one.peak_reserved_bytes;
  sum.hit_count += one.hit_count;
  sum.hit_bytes += one.hit_bytes;
  sum.miss_count += one.miss_count;
  sum.miss_bytes += one.miss_bytes;
  sum.passed_count += one.passed_count;
  sum.kept_count += one.kept_count;
  sum.returned_count += one.returned_count;
  sum.synchronise_count += one.synchronise_count;
  sum.record_count += one.record_count;
  sum.query_count += one.query_count;
  sum.flush_count += one.flush_count;
  sum.flushed_bytes += one.flushed_bytes;
  sum.trim_count += one.trim_count;
  sum.trimmed_bytes += one.trimmed_bytes;
  sum.retry_count += one.retry_count;
  sum.retry_saved_count += one.retry_saved_count;
  sum.prewarmed_count += one.prewarmed_count;
  sum.prewarmed_bytes += one.prewarmed_bytes;
  sum.compaction_count += one.compaction_count;
  sum.compacted_bytes += one.compacted_bytes;
  sum.driver_cycles += one.driver_cycles;
}

void add(Figures& sum, const IdleInSegments& idle) {
  sum.cached_bytes += idle.bytes;
  sum.cached_count += idle.count;
  if (idle.largest_bytes > sum.largest_cached_bytes) sum.largest_cached_bytes = idle.largest_bytes;
}

struct Frequent {
  int device;
  SizeFigures* sizes;
  size_t capacity;
  size_t count = 0;
};

uint64_t requests(const SizeFigures& size) { return size.hit_count + size.miss_count; }

void add_size(void* argument, const Bin& bin) {
  auto& frequent = *static_cast<Frequent*>(argument);
  const SizeFigures size{bin.key.bytes, bin.hit_count, bin.miss_count, bin.idle_count};
  if (!is_of(frequent.device, bin.device) || requests(size) == 0) return;
  size_t place = frequent.count < frequent.capacity ? frequent.count++ : frequent.capacity;
  for (; place > 0 && requests(frequent.sizes[place - 1]) < requests(size); --place) {
    if (place < frequent.capacity) frequent.sizes[place] = frequent.sizes[place - 1];
  }
  if (place < frequent.capacity) frequent.sizes[place] = size;
}

// For calls that are made for somebody outside the program: as if from here.
Call call_of_own() {
  Call call{};
  call.entry = Entry::cuMemFree_v2;
  call.caller.sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return call;
}

}  // namespace

Figures figures(Memory memory, int device) {
  IdleParts parts{device};
  Figures sum{};
  const PoolLock lock(pool_state.lock);
  for (int i = 0; i < kMostDevices; ++i) {
    if (is_of(device, i)) add(sum, pool_state.figures(memory, i));
  }
  pool_state.cache(memory).for_each_bin(&add_bin, &parts);
  sum.cached_bytes -= parts.quarantined_bytes;
  sum.cached_count -= parts.quarantined_count;
  sum.quarantined_bytes = parts.quarantined_bytes;
  sum.quarantined_count = parts.quarantined_count;
  sum.largest_cached_bytes = parts.largest_bytes;
  for (int i = 0; i < kMostDevices && memory == Memory::device; ++i) {
    if (is_of(device, i)) add(sum, idle_in_segments(i));
  }
  return sum;
}

Held held(Memory memory, int device) {
  const PoolLock lock(pool_state.lock);
  uint64_t idle_bytes = pool_state.cache(memory).idle_bytes(device);
  if (memory == Memory::device) idle_bytes += idle_in_segments(device).bytes;
  return {pool_state.figures(memory, device).live_bytes, idle_bytes};
}

bool is_used(Memory memory, int device) {
  const PoolLock lock(pool_state.lock);
  return pool_state.figures(memory, device).is_used;
}

size_t frequent_sizes(Memory memory, int device, SizeFigures* result, size_t capacity) {
  Frequent frequent{device, result, capacity};
  const PoolLock lock(pool_state.lock);
  pool_state.cache(memory).for_each_bin(&add_size, &frequent);
  return frequent.count;
}

uint64_t trim(uint64_t keep_bytes) {
  const Call call = call_of_own();
  uint64_t given_back = 0;
  for (const Memory memory : {Memory::device, Memory::pinned}) {
    for (int device = 0; device < kMostDevices; ++device) given_back += trim_to(call, memory, device, keep_bytes);
  }
  return given_back + trim_host_pins(call, keep_bytes);
}

uint64_t compact() { return trim(0); }

bool is_turned_off() { return why_limited.load(std::memory_order_relaxed) != nullptr; }

const char* limitation() {
  if (is_turned_off()) return why_limited.load(std::memory_order_relaxed);
  if (lacks_segments() && settings().device_mode == Mode::vmm) {
    return "no segments (vmm), as the driver has none or memory is shared with others: strict in their place";
  }
  const bool waits = mode() == Mode::deferred && driver_queries().synchronise_context != nullptr && !can_record();
  return waits ? "the driver has no cuCtxRecordEvent: frees wait as in strict" : nullptr;
}

void limit(const char* why) { why_limited.store(why, std::memory_order_relaxed); }

}  // namespace weir::cuda::pool
