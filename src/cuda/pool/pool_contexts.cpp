#include "cuda/pool/pool_contexts.h"

#include <span>

#include "core/large_table.h"
#include "cuda/driver.h"
#include "cuda/pool/host_pins.h"
#include "cuda/pool/pitched_pool.h"
#include "cuda/pool/pool_control.h"
#include "cuda/pool/pool_state.h"
#include "cuda/pool/segment_pool.h"
#include "cuda/running_captures.h"

namespace weir::cuda::pool {
namespace {

WEIR_LARGE_TABLE constinit ContextState states[kMostContexts]{};
size_t next_place = 0;                // to look at for a new context; the pool's lock guards it, and the next one
size_t used_places = 0;               // none beyond was ever a context's
std::atomic<uint64_t> generation{1};  // of the set of contexts: whatever threads remember of an earlier one is void
std::atomic<uint64_t> done_in_all{0};
uint32_t green_devices;  // a bit for each that ever had a green context; the pool's lock guards it
static_assert(kMostDevices <= 32);
uint32_t endings_under_way = 0;  // of all contexts; the pool's lock guards it

struct Current {
  uint64_t generation;
  ContextState* state;
};
thread_local constinit Current current{0, nullptr};

std::span<ContextState> used_states() { return {states, used_places}; }

ContextState* add_context(uint64_t handle, int device) {
  for (size_t i = 0; i < kMostContexts; ++i) {
    const size_t place = next_place++ % kMostContexts;
    ContextState& state = states[place];
    if (state.is_alive || state.is_asked) continue;
    if (place >= used_places) used_places = place + 1;
    state = ContextState{};
    state.handle = handle;
    state.device = device;
    state.is_alive = true;
    state.has_unordered_streams = (green_devices >> device & 1) != 0;
    update_done_in_all_contexts();
    return &state;
  }
  limit("there are more contexts than the pools can follow");  // nobody would know of its queued work
  return nullptr;
}

ContextState* found_current(uint64_t handle, int device) {
  ContextState* state = find_context(handle);
  if (state == nullptr && (state = add_context(handle, device)) != nullptr) state->may_be_green = true;
  return state;
}

ContextState* ask_for_current(const Call& call) {
  const DriverQueries& driver = driver_queries();
  const InDriver in_driver(call.caller.sp);
  Context context = nullptr;
  Device device = kNoDevice;
  if (driver.get_current_context == nullptr || driver.get_device == nullptr) return nullptr;
  if (driver.get_current_context(&context) != Result::success || context == nullptr) return nullptr;
  if (driver.get_device(&device) != Result::success || !is_listed(device)) return nullptr;
  const PoolLock lock(pool_state.lock);
  return found_current(reinterpret_cast<uint64_t>(context), device);
}

void end_context(ContextState& state) {
  forget_blocks_of(state.handle);
  state.is_alive = false;
  endings_under_way -= state.endings;
  state.endings = 0;
}

}  // namespace

ContextState* current_context(const Call& call) {
  const uint64_t now = generation.load(std::memory_order_acquire);
  if (current.generation != now) [[unlikely]] {
    ContextState* state = ask_for_current(call);
    if (state == nullptr) return nullptr;
    current = {now, state};
  }
  return current.state;
}

void forget_current_context() { current.generation = 0; }

void note_context(uint64_t handle, int device) {
  if (handle == 0 || !is_listed(device)) return;
  for (Patience patience;;) {
    const bool is_last = !patience.lasts();
    const PoolLock lock(pool_state.lock);
    ContextState* state = find_context(handle);
    if (state != nullptr && state->endings != 0 && !is_last) continue;
    if (state == nullptr) state = add_context(handle, device);
    if (state != nullptr) state->may_be_green = false;
    return;
  }
}

void note_context_ending(uint64_t handle) {
  const PoolLock lock(pool_state.lock);
  if (ContextState* state = find_context(handle)) {
    state->endings = state->endings + 1;
    ++endings_under_way;
  }
  generation.fetch_add(1, std::memory_order_release);
}

void note_context_ended(uint64_t handle, bool has_ended) {
  if (has_ended) {  // while no other context can have the handle
    close_segments(handle);
    end_host_pins_of(handle);
  }
  const PoolLock lock(pool_state.lock);
  ContextState* ended = find_context(handle);
  if (ended == nullptr) return;
  if (ended->endings != 0) {
    ended->endings = ended->endings - 1;
    --endings_under_way;
  }
  if (!has_ended) return;
  for (ContextState& state : used_states()) {
    if (state.is_alive && (&state == ended || state.owner == ended)) end_context(state);
  }
  generation.fetch_add(1, std::memory_order_release);
  update_done_in_all_contexts();
}

void note_green_context_ended() {
  const PoolLock lock(pool_state.lock);
  for (ContextState& state : used_states()) {
    const bool is_green = state.owner == nullptr ? bool{state.may_be_green} : state.owner != &state;
    if (state.is_alive && is_green) state.is_alive = false;
  }
  generation.fetch_add(1, std::memory_order_release);
  update_done_in_all_contexts();
}

// Source: the descriptions of these errors in the public cuda.h: "the process must be terminated and relaunched", "the context cannot
// be used".
bool is_sticky(Result result) {
  switch (static_cast<int>(result)) {
    case 214:  // CUDA_ERROR_ECC_UNCORRECTABLE
    case 220:  // CUDA_ERROR_NVLINK_UNCORRECTABLE
    case 226:  // CUDA_ERROR_CONTAINED
    case 700:  // CUDA_ERROR_ILLEGAL_ADDRESS
    case 702:  // CUDA_ERROR_LAUNCH_TIMEOUT
    case 710:  // CUDA_ERROR_ASSERT
    case 714:  // CUDA_ERROR_HARDWARE_STACK_ERROR
    case 715:  // CUDA_ERROR_ILLEGAL_INSTRUCTION
    case 716:  // CUDA_ERROR_MISALIGNED_ADDRESS
    case 717:  // CUDA_ERROR_INVALID_ADDRESS_SPACE
    case 718:  // CUDA_ERROR_INVALID_PC
    case 719:  // CUDA_ERROR_LAUNCH_FAILED
    case 721:  // CUDA_ERROR_TENSOR_MEMORY_LEAK
      return true;
    default:
      return false;
  }
}

void note_unordered_stream(const Call& call) {
  ContextState* state = current_context(call);
  const PoolLock lock(pool_state.lock);
  ContextState* const owner = state == nullptr ? nullptr : static_cast<ContextState*>(state->owner);
  for (ContextState* of : {state, owner}) {
    if (of != nullptr) of->has_unordered_streams = true;
  }
}

void note_green_context(int device) {
  const PoolLock lock(pool_state.lock);
  if (is_listed(device)) green_devices |= uint32_t{1} << device;
  for (ContextState& state : used_states()) {
    if (state.device == device) state.has_unordered_streams = true;
  }
}

bool is_ordered(const ContextState& state) {
  return state.owner == &state && !state.has_unordered_streams;  // guard: ordered
}

void note_result(const Call& call, Result result) {
  if (!is_sticky(result)) return;
  ContextState* state = current_context(call);
  const PoolLock lock(pool_state.lock);
  if (state == nullptr) return;
  state->is_broken = true;
  if (state->owner != nullptr) state->owner->is_broken = true;
}

ContextState* find_context(uint64_t handle) {
  for (ContextState& state : used_states()) {
    if (state.is_alive && state.handle == handle) return &state;
  }
  return nullptr;
}

bool is_context_ending(uint64_t handle) {
  if (endings_under_way == 0) return false;
  const ContextState* state = find_context(handle);
  return state != nullptr && state->endings != 0;
}

void for_each_live_context(ContextVisitor visit, void* argument) {
  for (ContextState& state : used_states()) {
    const bool is_own = state.owner == nullptr || state.owner == &state;  // a green context's work is its primary's
    if (state.is_alive && is_own) visit(argument, state);
  }
}

uint64_t done_in_all_contexts() { return done_in_all.load(std::memory_order_relaxed); }

void update_done_in_all_contexts() {
  uint64_t done = UINT64_MAX;
  for_each_live_context(
      [](void* least, ContextState& state) {
        auto& done_number = *static_cast<uint64_t*>(least);
        if (state.done_number < done_number) done_number = state.done_number;
      },
      &done);
  done_in_all.store(done, std::memory_order_relaxed);
}

bool is_in_service(uint64_t handle) {
  const PoolLock lock(pool_state.lock);
  const ContextState* state = find_context(handle);
  return state != nullptr && state->endings == 0;
}

void note_driver_replaced() {
  abandon_segments();
  forget_captures();
  forget_pitches();
  end_host_pins_of(HostPinTable::kAnyContext);
  const PoolLock lock(pool_state.lock);
  for (ContextState& state : used_states()) {
    if (state.is_alive) end_context(state);
    state.is_asked = false;
  }
  generation.fetch_add(1, std::memory_order_release);
  update_done_in_all_contexts();
}

void pool_contexts_reset_after_fork() {
  for (ContextState& state : states) state = ContextState{};
  generation.fetch_add(1, std::memory_order_release);
  endings_under_way = 0;
  done_in_all.store(0, std::memory_order_relaxed);
  green_devices = 0;
  forget_current_context();
}

}  // namespace weir::cuda::pool
