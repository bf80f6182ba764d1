#include "cuda/pool/block_pool.h"

#include "core/clock.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/pool/epochs.h"
#include "cuda/pool/out_of_memory_retry.h"
#include "cuda/pool/pool_state.h"
#include "cuda/pool/prewarm.h"
#include "cuda/pool/segment_pool.h"
#include "cuda/pool/upkeep.h"
#include "cuda/running_captures.h"

namespace weir::cuda::pool {
namespace {

constexpr uint64_t kFirstBufferId = uint64_t{1} << 62;  // the driver counts its own from 1

void count_passed(Memory memory, const ContextState* context) {
  if (context == nullptr) return;
  const PoolLock lock(pool_state.lock);
  Figures& figures = pool_state.figures(memory, context->device);
  figures.is_used = true;
  ++figures.passed_count;
}

// ---- Idle blocks ----

Block* take_ready(Memory memory, Bin& bin, uint64_t asked_bytes) {
  Block* block = pool_state.cache(memory).take_ready(bin, done_in_all_contexts());
  if (block == nullptr) return nullptr;
  block->asked_bytes = asked_bytes;
  block->buffer_id = kFirstBufferId + ++pool_state.last_buffer_number;
  count_hit(memory, *block);
  return block;
}

// With few blocks in quarantine one more from the driver costs little, and a synchronise of the program's own may end it meanwhile. With
// large ones it costs memory.
constexpr uint64_t kFewWaiting = 2;
constexpr uint64_t kSmallShare = 256;  // of the device: what may lie in quarantine rather than be asked about

// Where the program frees faster than the device works, this much of it may lie in quarantine in one bin before a request waits: the
// driver's own free would have waited earlier.
constexpr uint64_t kMostWaitingShare = 32;

IfNot what_if_not_done(const Bin& bin) {
  const uint64_t waiting_bytes = bin.waiting_count * bin.key.bytes;
  return waiting_bytes * kMostWaitingShare >= device_total_bytes(bin.device) ? IfNot::wait_for_own : IfNot::say_so;
}

bool is_worth_asking(const Bin& bin) {
  if (bin.waiting_count == 0) return false;
  const bool is_small = bin.key.bytes * kSmallShare <= device_total_bytes(bin.device);
  return bin.waiting_count >= kFewWaiting || !is_small;
}

bool take_idle(const Call& call, const ContextState& context, const Request& request, Given* given) {
  const ContextState* owner = context.owner;
  if (owner == nullptr) return false;  // the driver has not told yet whose memory is allocated here
  const BinKey key{owner->handle, request.taken_bytes, request.shape};
  uint64_t wanted_number = 0;
  Bin* bin = nullptr;
  IfNot if_not = IfNot::say_so;
  {
    const PoolLock lock(pool_state.lock);
    bin = pool_state.cache(request.memory).bin_of(key, context.device);
    if (bin == nullptr) return false;
    if (const Block* block = take_ready(request.memory, *bin, request.asked_bytes)) {
      given->address = block->address;
      return true;
    }
    if (!is_worth_asking(*bin)) return false;
    wanted_number = BlockCache::first_waiting(*bin);
    if_not = what_if_not_done(*bin);
  }
  if (!is_done(call, wanted_number, if_not)) return false;
  const PoolLock lock(pool_state.lock);
  const Block* block = take_ready(request.memory, *bin, request.asked_bytes);
  if (block != nullptr) given->address = block->address;
  return block != nullptr;
}

// ---- Memory from the driver ----

// Shares in the options are of what the device has.
void learn_device(const Call& call, int device) {
  if (device_total_bytes(device) != 0) return;
  const InDriver in_driver(call.caller.sp);
  learn_device_total(device);
}

// Whose the memory is, where the driver has not told yet.
void learn_owner(const Call& call, ContextState& context, Address address) {
  if (context.owner != nullptr) return;
  const InDriver in_driver(call.caller.sp);
  Context owner = nullptr;
  const auto ask = driver_queries().get_pointer_attribute;
  if (ask == nullptr || ask(&owner, kPointerContext, address) != Result::success) return;
  const auto handle = reinterpret_cast<uint64_t>(owner);
  if (handle != context.handle) note_context(handle, context.device);
  const PoolLock lock(pool_state.lock);
  context.owner = find_context(handle);
  update_done_in_all_contexts();
}

void know(const ContextState& context, const Request& request, const Taken& taken, uint64_t cycles) {
  const PoolLock lock(pool_state.lock);
  forget_stale(request.memory, taken.address);
  Figures& figures = pool_state.figures(request.memory, context.device);
  figures.driver_cycles += cycles;
  if (taken.bytes != request.taken_bytes) {
    figures.is_used = true;
    ++figures.passed_count;
    return;
  }
  BlockCache& cache = pool_state.cache(request.memory);
  Bin* bin = cache.bin_of({context.owner->handle, taken.bytes, taken.shape}, context.device);
  Block* block = bin == nullptr ? nullptr : cache.add(*bin, taken.address, request.asked_bytes);
  if (block == nullptr) return;
  if (taken.shape == kInSegment) block->buffer_id = kFirstBufferId + ++pool_state.last_buffer_number;
  taken.is_hit ? count_found(request.memory, *block) : count_miss(request.memory, *block);
}

// The whole block, or, where the device has no room for its rounding, no more than what the program asked for.
Result take_from_driver(const Call& call, const Request& request, Taken* taken) {
  OutOfMemoryRetry retry(call, request.memory == Memory::device ? From::current_device : From::anywhere);
  const auto take = [&](uint64_t bytes) {
    *taken = {0, bytes, request.shape, false};
    return request.take(call, request, bytes, taken);
  };
  Result result = take(request.taken_bytes);
  while (result == Result::out_of_memory && retry.is_worth_while()) result = take(request.taken_bytes);
  if (result == Result::out_of_memory && request.asked_bytes != request.taken_bytes) result = take(request.asked_bytes);
  return retry.finish(result);
}

Result take_new(const Call& call, ContextState& context, const Request& request, Given* given) {
  Taken taken{};
  const uint64_t before = core::read_cycles();
  const Result result = take_from_driver(call, request, &taken);
  note_result(call, result);
  if (result != Result::success) return result;
  given->address = taken.address;
  const uint64_t cycles = taken.is_hit ? 0 : core::read_cycles() - before;
  given->from_driver = !taken.is_hit;
  learn_owner(call, context, given->address);
  if (context.owner == nullptr) return result;
  know(context, request, taken, cycles);
  prepare(call, *context.owner);
  return result;
}

}  // namespace

Result pass(Memory memory, const ContextState* context, Given* given) {
  count_passed(memory, context);
  given->is_passed = true;
  return Result::success;
}

bool serves(const Call& call, Memory memory) {
  if (is_turned_off() || mode() == Mode::off) return false;
  if (call.real !=
      driver_function(call.entry)) {  // which sees the program's calls, and would miss those that a block saves
    limit("another library stands before the driver's functions");
    return false;
  }
  return memory == Memory::device || settings().pinned;
}

bool can_serve(const ContextState* context) {
  return context != nullptr && context->is_alive && context->endings == 0 && !context->is_broken;
}

Result allocate(const Call& call, const Request& asked, Given* given) {
  Request request = asked;
  *given = {};
  if (!serves(call, request.memory) || request.asked_bytes == 0) return given->is_passed = true, Result::success;
  ContextState* context = current_context(call);
  if (!can_serve(context) || any_capture()) return pass(request.memory, context, given);
  given->place = {context->handle, context->device};
  if (request.memory == Memory::device && request.shape == 0 && takes_from_segments(call, *context)) {
    request.shape = kInSegment;
    request.take = &take_from_segments;
  }
  if (take_idle(call, *context, request, given)) return Result::success;
  learn_device(call, context->device);
  if (!make_room(call, *context, request)) return pass(request.memory, context, given);
  return take_new(call, *context, request, given);
}

}  // namespace weir::cuda::pool
