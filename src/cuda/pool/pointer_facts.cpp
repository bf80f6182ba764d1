#include "cuda/pool/pointer_facts.h"

#include "cuda/driver.h"
#include "cuda/pool/pool_state.h"

namespace weir::cuda::pool {
namespace {

PointerFacts facts_of_start(Address start) {
  const PoolLock lock(pool_state.lock);
  for (const BlockCache& cache : pool_state.caches) {
    const Block* block = cache.find(start);
    if (block == nullptr) continue;
    const bool is_live = block->state == Block::State::live || block->state == Block::State::closing;
    return {is_live ? PointerFacts::Is::live : PointerFacts::Is::freed, start, block->asked_bytes, block->buffer_id};
  }
  return {};
}

}  // namespace

PointerFacts facts_of(const Call& call, Address address) {
  if (address == 0 || !has_blocks()) return {};
  const PointerFacts exact = facts_of_start(address);
  if (exact.is != PointerFacts::Is::unknown) return exact;
  const InDriver in_driver(call.caller.sp);
  Address start = 0;
  const auto ask = driver_queries().get_pointer_attribute;
  if (ask == nullptr || ask(&start, kPointerRangeStart, address) != Result::success || start == address) return {};
  return facts_of_start(start);
}

void note_exported(const Call& call, Address address) {
  const PointerFacts facts = facts_of(call, address);
  if (facts.is != PointerFacts::Is::live) return;
  const PoolLock lock(pool_state.lock);
  for (const BlockCache& cache : pool_state.caches) {
    if (Block* block = cache.find(facts.start)) block->is_exported = true;
  }
}

}  // namespace weir::cuda::pool
