#include "cuda/pool/prewarm.h"

#include "core/clock.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/device_pool.h"
#include "cuda/pool/pool_state.h"
#include "cuda/signatures.h"

namespace weir::cuda::pool {
namespace {

Result allocate_by_driver(const Call& call, uint64_t bytes, Address* address) {
  const InDriver in_driver(call.caller.sp);
  return call_driver_function<signature::MemAlloc>(Entry::cuMemAlloc_v2, address, bytes);
}

// A block that nobody has asked for yet. False where the driver has no more.
bool add_idle_block(const Call& call, const ContextState& context, uint64_t bytes) {
  Address address = 0;
  if (allocate_by_driver(call, bytes, &address) != Result::success) return false;
  const PoolLock lock(pool_state.lock);
  BlockCache& cache = pool_state.cache(Memory::device);
  forget_stale(Memory::device, address);
  Bin* bin = cache.bin_of({context.owner->handle, bytes, 0}, context.device);
  Block* block = bin == nullptr ? nullptr : cache.add(*bin, address, bytes);
  if (block == nullptr) return false;
  count_prewarmed(Memory::device, *block);
  cache.keep(*block, 0, core::current_tick());
  return true;
}

void prewarm(const Call& call, const ContextState& context, uint64_t asked_bytes, uint64_t count) {
  constexpr uint64_t kMostBlocks = 65536;  // of one size
  uint64_t bytes = 0;
  if (!device_block_bytes(asked_bytes, &bytes)) return;
  for (uint64_t i = 0; i < count && i < kMostBlocks; ++i) {
    if (!add_idle_block(call, context, bytes)) return;
  }
}

uint64_t prewarm_count(const PrewarmItem& item, int device) {
  if (!(settings().prewarm_share > 0)) return item.count;
  uint64_t bytes = 0;
  if (!device_block_bytes(item.bytes, &bytes)) return 0;
  const double part = settings().prewarm_share / static_cast<double>(settings().prewarm_count);
  return static_cast<uint64_t>(part * static_cast<double>(device_total_bytes(device))) / bytes;
}

bool begin_preparing(ContextState& context) {
  const PoolLock lock(pool_state.lock);
  const bool is_first = !context.is_prepared;
  context.is_prepared = true;
  return is_first;
}

}  // namespace

void prepare(const Call& call, ContextState& context) {
  if (!begin_preparing(context)) return;
  prewarm(call, context, kLargeGranule, settings().initial_bytes / kLargeGranule);
  for (size_t i = 0; i < settings().prewarm_count; ++i) {
    const PrewarmItem& item = settings().prewarm[i];
    prewarm(call, context, item.bytes, prewarm_count(item, context.device));
  }
}

}  // namespace weir::cuda::pool
