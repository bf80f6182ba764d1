#include "cuda/pool/upkeep.h"

#include <optional>

#include "core/clock.h"
#include "cuda/capture.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/pool/current_for.h"
#include "cuda/pool/epochs.h"
#include "cuda/pool/host_pins.h"
#include "cuda/pool/memory_limit.h"
#include "cuda/pool/pitched_pool.h"
#include "cuda/pool/segment_pool.h"
#include "cuda/pool/surroundings.h"
#include "cuda/signatures.h"

namespace weir::cuda::pool {
namespace {

std::atomic<uint64_t> on_their_way{0};
std::atomic<uint64_t> arrived{0};

// ---- Blocks on their way back to the driver ----

struct Leaving {
  Address address;
  uint64_t bytes;
  uint64_t owner;
  bool is_in_segment;
  uint64_t freed_number;
};

// What the driver has refused is the latest idle: where there is no more than that, all has been tried.
bool begin_return(Memory memory, int device, uint64_t keep_bytes, uint64_t refused_bytes, uint64_t idle_before_tick,
                  Leaving* leaving) {
  const PoolLock lock(pool_state.lock);
  BlockCache& cache = pool_state.cache(memory);
  const uint64_t idle_bytes = cache.idle_bytes(device);
  Block* block = idle_bytes <= keep_bytes || idle_bytes <= refused_bytes ? nullptr : cache.longest_idle(device);
  if (block == nullptr || block->idle_since_tick >= idle_before_tick) return false;
  const uint64_t freed_number = block->freed_number;
  cache.begin_return(*block);
  *leaving = {block->address, block->taken_bytes, block->bin->key.owner,
              memory == Memory::device && is_in_segment(*block), freed_number};
  on_their_way.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// A context in which the block can be freed: its owner; after an error there, in which nothing is freed any more, any other one.
uint64_t context_to_free_in(uint64_t owner) {
  const PoolLock lock(pool_state.lock);
  const ContextState* state = find_context(owner);
  if (state == nullptr || !state->is_broken) return owner;
  for_each_live_context(
      [](void* found, ContextState& other) {
        if (!other.is_broken && other.endings == 0) *static_cast<uint64_t*>(found) = other.handle;
      },
      &owner);
  return owner;
}

Result free_by_driver(const Call& call, Memory memory, const Leaving& leaving) {
  const InDriver in_driver(call.caller.sp);
  const CurrentFor current(call, context_to_free_in(leaving.owner));
  if (!current.is_current()) return Result::invalid_value;
  if (memory == Memory::device) {
    return call_driver_function<signature::MemFree>(Entry::cuMemFree_v2, leaving.address);
  }
  return call_driver_function<signature::MemFreeHost>(Entry::cuMemFreeHost, reinterpret_cast<void*>(leaving.address));
}

uint64_t trim_counted(const Call& call, int device, uint64_t keep_bytes, uint64_t idle_before_tick) {
  on_their_way.fetch_add(1, std::memory_order_relaxed);
  const uint64_t bytes = trim_segments(call, device, keep_bytes, idle_before_tick);
  if (bytes != 0) {
    arrived.fetch_add(1, std::memory_order_relaxed);
    const PoolLock lock(pool_state.lock);
    Figures& figures = pool_state.figures(Memory::device, device);
    ++figures.compaction_count;
    figures.compacted_bytes += bytes;
  }
  on_their_way.fetch_sub(1, std::memory_order_release);
  return bytes;
}

// The driver's free waits for queued work; a segment's memory must not be anybody else's before.
bool may_leave(const Call& call, Memory memory, const Leaving& leaving) {
  if (leaving.is_in_segment) return is_done(call, leaving.freed_number, IfNot::wait);  // guard: segment-return
  return free_by_driver(call, memory, leaving) == Result::success;
}

// Where the driver refuses, the block is idle as before.
void end_return(Memory memory, const Leaving& leaving, bool has_arrived) {
  const PoolLock lock(pool_state.lock);
  BlockCache& cache = pool_state.cache(memory);
  Block* block = cache.find(leaving.address);
  if (block != nullptr && block->state == Block::State::returning) {
    if (has_arrived) {
      count_given_back(memory, *block);
      cache.remove(*block);
      if (leaving.is_in_segment) release_to_segments(leaving.owner, leaving.address);
    } else {
      cache.keep(*block, block->freed_number, core::current_tick());
    }
  }
  if (has_arrived && !leaving.is_in_segment) arrived.fetch_add(1, std::memory_order_relaxed);
  on_their_way.fetch_sub(1, std::memory_order_release);
}

uint64_t idle_in_blocks(int device) {
  const PoolLock lock(pool_state.lock);
  return pool_state.cache(Memory::device).idle_bytes(device);
}

// ---- Limits ----

// The smaller of what is said in bytes and as a share; UINT64_MAX: no limit.
uint64_t bytes_of(const Amount& amount, int device) {
  uint64_t bytes = amount.bytes == 0 ? UINT64_MAX : amount.bytes;
  const uint64_t total = device_total_bytes(device);
  if (amount.share > 0 && total != 0) {
    const auto share = static_cast<uint64_t>(amount.share * static_cast<double>(total));
    if (share < bytes) bytes = share;
  }
  return bytes;
}

uint64_t most_idle_bytes(Memory memory, int device) {
  return memory == Memory::pinned ? settings().most_pinned_bytes : bytes_of(settings().most_idle, device);
}

// The tick of so long ago; 0 where the process is younger.
uint64_t tick_before(uint64_t ns) {
  const core::ClockPair now = core::read_clock_pair();
  const uint64_t ns_passed = now.ns - configured_at().ns;
  if (ns_passed <= ns) return 0;
  const double cycles_per_ns =
      static_cast<double>(now.cycles - configured_at().cycles) / static_cast<double>(ns_passed);
  const uint64_t ticks = static_cast<uint64_t>(static_cast<double>(ns) * cycles_per_ns) >> core::kTickShift;
  const uint64_t tick = core::current_tick();
  return tick > ticks ? tick - ticks : 0;
}

void drop_what_is_old(const Call& call, Memory memory, int device) {
  if (settings().idle_ns != 0) trim_to(call, memory, device, 0, tick_before(settings().idle_ns));
}

bool is_device_under_pressure(const Call& call) {
  const InDriver in_driver(call.caller.sp);
  size_t free_bytes = 0, total_bytes = 0;
  if (!ask_device_memory(&free_bytes, &total_bytes) || total_bytes == 0) return false;
  return static_cast<double>(total_bytes - free_bytes) > settings().trim_above * static_cast<double>(total_bytes);
}

bool is_under_pressure(const Call& call, Memory memory) {
  if (!(settings().trim_above > 0)) return false;
  return memory == Memory::pinned ? host_memory_in_use() > settings().trim_above : is_device_under_pressure(call);
}

bool is_in_pieces(Memory memory, int device) {
  if (!(settings().compact_above > 0)) return false;
  return figures(memory, device).fragmentation_ratio() > settings().compact_above;
}

}  // namespace

void reset_after_fork() {
  pool_state.lock.reset_after_fork();
  for (BlockCache& cache : pool_state.caches) cache.forget_all();
  for (auto& of_devices : pool_state.all_figures) {
    for (Figures& figures : of_devices) figures = {};
  }
  pool_contexts_reset_after_fork();
  pitches_reset_after_fork();
  segments_reset_after_fork();
  host_pins_reset_after_fork();
  on_their_way.store(0, std::memory_order_relaxed);
}

uint64_t give_back_idle(const Call& call, Memory memory, int device, uint64_t keep_bytes, uint64_t idle_before_tick) {
  uint64_t given_back = 0, refused_bytes = 0;
  Leaving leaving;
  std::optional<CaptureRelaxed> relaxed;
  while (begin_return(memory, device, keep_bytes, refused_bytes, idle_before_tick, &leaving)) {
    if (!relaxed) relaxed.emplace(CaptureRelaxed::When::always);
    const bool has_arrived = may_leave(call, memory, leaving);
    end_return(memory, leaving, has_arrived);
    if (!has_arrived) refused_bytes += leaving.bytes;
    if (has_arrived && !leaving.is_in_segment) given_back += leaving.bytes;
  }
  if (memory == Memory::pinned || __atomic_load_n(&pool_state.segment_count, __ATOMIC_RELAXED) == 0) return given_back;
  const uint64_t idle = idle_in_blocks(device);
  return given_back + trim_counted(call, device, keep_bytes > idle ? keep_bytes - idle : 0, idle_before_tick);
}

uint64_t trim_to(const Call& call, Memory memory, int device, uint64_t keep_bytes, uint64_t idle_before_tick) {
  const uint64_t bytes = give_back_idle(call, memory, device, keep_bytes, idle_before_tick);
  if (bytes == 0) return 0;
  const PoolLock lock(pool_state.lock);
  Figures& figures = pool_state.figures(memory, device);
  ++figures.trim_count;
  figures.trimmed_bytes += bytes;
  return bytes;
}

bool make_room(const Call& call, const ContextState& context, const Request& request) {
  const int device = context.device;
  look_around();
  drop_what_is_old(call, request.memory, device);
  if (is_under_pressure(call, request.memory) || is_in_pieces(request.memory, device)) {
    trim_to(call, request.memory, device, 0);
  }
  if (request.memory == Memory::pinned) return true;
  const uint64_t most = bytes_of(settings().most, device);
  if (most == UINT64_MAX) return true;
  const auto has_room = [&](uint64_t* surplus) {
    const PoolLock lock(pool_state.lock);
    const Figures& figures = pool_state.figures(Memory::device, device);
    const uint64_t wanted = figures.reserved_bytes() + idle_in_segments(device).bytes + request.taken_bytes;
    *surplus = wanted <= most ? 0 : wanted - most;
    return wanted <= most;
  };
  uint64_t surplus = 0;
  if (has_room(&surplus)) return true;
  const uint64_t idle = idle_in_blocks(device) + idle_in_segments(device).whole_chunk_bytes;
  trim_to(call, Memory::device, device, idle > surplus ? idle - surplus : 0);
  return has_room(&surplus);
}

void keep_within_limits(const Call& call, const ContextState& context, Memory memory, uint64_t idle_bytes) {
  const uint64_t most = most_idle_bytes(memory, context.device);
  if (idle_bytes > most) trim_to(call, memory, context.device, most);
  drop_what_is_old(call, memory, context.device);
}

uint64_t blocks_on_their_way() { return on_their_way.load(std::memory_order_acquire); }
uint64_t returns_done() { return arrived.load(std::memory_order_relaxed); }

uint64_t releasable_bytes(int device) { return idle_in_blocks(device) + idle_in_segments(device).bytes; }

}  // namespace weir::cuda::pool
