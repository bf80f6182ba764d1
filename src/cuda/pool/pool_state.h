// What the parts of the pool share, and the lock that guards it. The lock is never held while a function of the driver's runs.
#pragma once

#include "core/spin_lock.h"
#include "cuda/pool/block_cache.h"
#include "cuda/pool/pool_control.h"

namespace weir::cuda::pool {

inline constexpr size_t kMemories = 2;

struct PoolState {
  core::SpinLock lock;
  BlockCache caches[kMemories];
  uint64_t last_free_number = 0;    // frees are numbered in the order in which they were called
  size_t segment_count = 0;         // contexts that have segments; atomic
  uint64_t last_buffer_number = 0;  // owners of blocks that were handed out again
  Figures all_figures[kMemories][kMostDevices] = {};

  BlockCache& cache(Memory memory) { return caches[static_cast<size_t>(memory)]; }
  Figures& figures(Memory memory, int device) {
    return all_figures[static_cast<size_t>(memory)][is_listed(device) ? device : kMostDevices - 1];
  }
};

extern constinit PoolState pool_state;

using PoolLock = core::LockScope;

// Whether the pool has any block, or segments for some. Cost: three loads; any thread, without the lock.
inline bool has_blocks() {
  if (__atomic_load_n(&pool_state.segment_count, __ATOMIC_RELAXED) != 0) return true;
  return !pool_state.cache(Memory::device).is_empty() || !pool_state.cache(Memory::pinned).is_empty();
}

// The driver has the block back, or may have it already: it is being freed, or its context is about to end. The caller holds the lock.
bool is_leaving(const Block& block);

// A wait for another thread, which is in the driver: not for ever, as that one may be waiting for this one.
class Patience {
 public:
  // Lets others go on; false once it has lasted too long.
  bool lasts();

 private:
  uint64_t end_ns_ = 0;
};

// Runs `look` under the lock with the block at an address of the program's; nullptr: none. Where one is leaving, the driver may have given
// the address away again: waits until that is over; where it is not, the driver is to judge. Not with the lock held.
template <class Look>
auto with_block(Memory memory, uint64_t address, const Look& look) {
  for (Patience patience;;) {
    {
      const PoolLock lock(pool_state.lock);
      Block* block = pool_state.cache(memory).find(address);
      if (block == nullptr || !is_leaving(*block)) return look(block);
    }
    if (patience.lasts()) continue;
    const PoolLock lock(pool_state.lock);
    return look(static_cast<Block*>(nullptr));
  }
}

// ---- Steps of a block's life, with the figures. The caller holds the lock. ----

// A block's memory came from the driver.
void count_miss(Memory memory, const Block& block);
// It was made of idle memory of a segment, without the driver.
void count_found(Memory memory, const Block& block);
// It is live again: an idle block was handed out.
void count_hit(Memory memory, const Block& block);
// It has become idle.
void count_kept(Memory memory, const Block& block);
// The driver has an idle block back.
void count_given_back(Memory memory, const Block& block);
// The driver has a live block back, or it was never to be the pool's.
void count_returned(Memory memory, const Block& block);
// It was taken from the driver before anybody asked for it, and is idle.
void count_prewarmed(Memory memory, const Block& block);
// The driver refused to have it back: it is live as before.
void count_put_back(Memory memory, const Block& block);
// The driver has it, and nobody told.
void count_forgotten(Memory memory, const Block& block);
// The driver has given an address away of which the pool still has a record.
void forget_stale(Memory memory, uint64_t address);
// What the driver frees with a context.
void forget_blocks_of(uint64_t owner);

}  // namespace weir::cuda::pool
