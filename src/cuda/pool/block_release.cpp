#include "cuda/pool/block_release.h"

#include "core/clock.h"
#include "cuda/driver.h"
#include "cuda/pool/epochs.h"
#include "cuda/pool/segment_pool.h"
#include "cuda/pool/upkeep.h"
#include "cuda/running_captures.h"

namespace weir::cuda::pool {
namespace {

void put_back(Memory memory, Address address, const TakenOut& taken) {
  const PoolLock lock(pool_state.lock);
  BlockCache& cache = pool_state.cache(memory);
  Bin* bin = cache.bin_of(taken.key, taken.device);
  Block* block = bin == nullptr ? nullptr : cache.add(*bin, address, taken.asked_bytes);
  if (block == nullptr) return;
  block->buffer_id = taken.buffer_id;
  block->is_exported = taken.is_exported;
  count_put_back(memory, *block);
}

TakenOut take_out(Memory memory, Block& block) {
  const TakenOut taken{block.bin->key, block.bin->device, block.asked_bytes, block.buffer_id, block.is_exported};
  count_returned(memory, block);
  pool_state.cache(memory).remove(block);
  return taken;
}

bool has_freed(Result result) { return result == Result::success || result == Result::deinitialized; }

// The block, if it is still the one that this call is freeing: its context may have ended meanwhile.
Block* still_closing(Memory memory, Address address) {
  Block* block = pool_state.cache(memory).find(address);
  return block != nullptr && block->state == Block::State::closing ? block : nullptr;
}

Result give_to_driver(const Call& call, Memory memory, Address address, FreeByDriver free_by_driver) {
  GivenUp given_up(memory, address);
  const Result result = free_by_driver(call, given_up.was_freed_before() ? kNoAddress : address);
  note_result(call, result);
  return given_up.finish(result);
}

bool may_keep(const Call& call, Memory memory, const ContextState* context, const Block& block) {
  return serves(call, memory) && can_serve(context) && !block.is_exported &&  // guard: taint
         context->owner != nullptr && context->owner->handle == block.bin->key.owner;
}

// A part of a segment is none of the driver's allocations: it can only be kept.
enum class Claim : uint8_t { unknown, freed_before, may_be_kept, is_driver_s, must_be_kept };

// Of two calls that free one block at the same time one has it.
Claim claim(const Call& call, Memory memory, Address address, const ContextState* context, uint64_t* free_number) {
  return with_block(memory, address, [&](Block* block) {
    if (block == nullptr) return Claim::unknown;
    if (block->state != Block::State::live) return Claim::freed_before;
    block->state = Block::State::closing;
    const bool must_keep = memory == Memory::device && is_in_segment(*block);
    if (!must_keep && !may_keep(call, memory, context, *block)) return Claim::is_driver_s;
    *free_number = ++pool_state.last_free_number;
    return must_keep ? Claim::must_be_kept : Claim::may_be_kept;
  });
}

// What the driver says of a stream that is being captured: its own free is to answer.
bool is_about_captures(Result result) {
  constexpr int kFirst = 900, kLast = 908;  // CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED and those that follow it
  return static_cast<int>(result) >= kFirst && static_cast<int>(result) <= kLast;
}

Result synchronise(const Call& call, ContextState& context, Memory memory, uint64_t free_number) {
  const uint64_t before = core::read_cycles();
  Result result = Result::success;
  {
    const InDriver in_driver(call.caller.sp);
    result = driver_queries().synchronise_context();
  }
  const uint64_t cycles = core::read_cycles() - before;
  if (result == Result::success) note_synchronised(context, free_number);
  const PoolLock lock(pool_state.lock);
  Figures& figures = pool_state.figures(memory, context.device);
  ++figures.synchronise_count;
  figures.driver_cycles += cycles;
  return result;
}

bool waits_at_frees() { return mode() != Mode::deferred || !can_record(); }

void stay_live(Memory memory, Address address) {
  const PoolLock lock(pool_state.lock);
  if (Block* block = still_closing(memory, address)) block->state = Block::State::live;
}

// Returns the idle bytes of the device.
uint64_t become_idle(Memory memory, Address address, uint64_t free_number) {
  const PoolLock lock(pool_state.lock);
  Block* block = still_closing(memory, address);
  if (block == nullptr) return 0;
  BlockCache& cache = pool_state.cache(memory);
  count_kept(memory, *block);
  cache.keep(*block, free_number, core::current_tick());
  return cache.idle_bytes(block->bin->device);
}

enum class Waited : uint8_t { done, refused, not_possible };

Waited wait_for_work(const Call& call, ContextState& context, Memory memory, uint64_t free_number, Result* result) {
  const OutsideCaptures outside;
  if (!outside) return Waited::not_possible;
  if (!waits_at_frees()) return Waited::done;
  *result = synchronise(call, context, memory, free_number);
  if (is_about_captures(*result)) return Waited::not_possible;
  return *result == Result::success ? Waited::done : Waited::refused;
}

Result keep(const Call& call, ContextState& context, Memory memory, Address address, uint64_t free_number,
            FreeByDriver free_by_driver) {
  Result result = Result::success;
  switch (wait_for_work(call, context, memory, free_number, &result)) {
    case Waited::not_possible:
      return give_to_driver(call, memory, address, free_by_driver);
    case Waited::refused:
      note_result(call, result);
      stay_live(memory, address);
      return result;
    case Waited::done:
      break;
  }
  keep_within_limits(call, context, memory, become_idle(memory, address, free_number));
  return Result::success;
}

// Where the free may not wait now, the block waits in quarantine. Without a context the call is refused as the driver refuses it.
Result keep_in_segment(const Call& call, ContextState* context, Address address, uint64_t free_number,
                       FreeByDriver free_by_driver) {
  Result result = Result::success;
  if (context == nullptr) {
    stay_live(Memory::device, address);
    return free_by_driver(call, kNoAddress);
  }
  if (any_capture()) {  // what forbids the driver's own free is the driver's to say
    const Result answer = free_by_driver(call, kNoAddress);
    if (is_about_captures(answer)) {
      stay_live(Memory::device, address);
      return answer;
    }
  }
  if (wait_for_work(call, *context, Memory::device, free_number, &result) == Waited::refused) {
    note_result(call, result);
    stay_live(Memory::device, address);
    return result;
  }
  keep_within_limits(call, *context, Memory::device, become_idle(Memory::device, address, free_number));
  return Result::success;
}

}  // namespace

bool is_live_in_segment(Address address) {
  if (__atomic_load_n(&pool_state.segment_count, __ATOMIC_RELAXED) == 0) return false;
  const PoolLock lock(pool_state.lock);
  const Block* block = pool_state.cache(Memory::device).find(address);
  return block != nullptr && is_in_segment(*block) && block->state == Block::State::live;
}

Freed release(const Call& call, Memory memory, Address address, FreeByDriver free_by_driver) {
  uint64_t free_number = 0;
  if (address == 0 || !has_blocks()) return {true, Result::success};
  ContextState* context = current_context(call);
  switch (claim(call, memory, address, context, &free_number)) {
    case Claim::unknown:
      return {true, Result::success};
    case Claim::freed_before:
      return {false, free_by_driver(call, kNoAddress)};
    case Claim::is_driver_s:
      return {false, give_to_driver(call, memory, address, free_by_driver)};
    case Claim::must_be_kept:
      return {false, keep_in_segment(call, context, address, free_number, free_by_driver)};
    case Claim::may_be_kept:
      break;
  }
  return {false, keep(call, *context, memory, address, free_number, free_by_driver)};
}

GivenUp::GivenUp(Memory memory, Address address) : memory_(memory), address_(address) {
  if (!has_blocks()) return;
  with_block(memory, address, [&](Block* block) {
    if (block == nullptr) return;
    const bool is_own = block->state != Block::State::idle;
    was_ = is_own ? Was::live : Was::freed;
    if (is_own) taken_ = take_out(memory, *block);
  });
}

Result GivenUp::finish(Result result) {
  if (was_ == Was::live && !has_freed(result)) put_back(memory_, address_, taken_);
  return result;
}

}  // namespace weir::cuda::pool
