// Sampling by bytes (WEIR_SAMPLE): of all allocated bytes one in `mean` is drawn, by a Poisson process, and the block that holds
// a drawn byte is tracked in full; all others live untracked. A tracked block stands for all of its size: each figure is the sum
// of the tracked blocks' weights, which is an unbiased estimate of what exact tracking would have counted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"
#include "track/record.h"

namespace weir::track {

// Bytes between two drawn ones on average; 0: every block is tracked. Fixed before the first event.
extern uint64_t sampling_mean;
inline bool sampling() { return sampling_mean != 0; }

// The mean where no byte is ever drawn: the process does not track its heap (WEIR_TRACK without host).
inline constexpr uint64_t kNeverDrawn = ~uint64_t{0};
inline bool draws() { return sampling_mean != kNeverDrawn; }

// What a block counts for the draw: whole granules, which the hooks have at hand, and at least one, as an empty block must be able
// to be drawn too.
inline constexpr size_t kDrawnGranule = 16;
inline int64_t drawn_bytes(size_t bytes) {
  const size_t counted = bytes == 0 ? 1 : bytes;
  return static_cast<int64_t>((counted + kDrawnGranule - 1) & ~(kDrawnGranule - 1));
}

// The first state of a thread's generator, from the process's random bytes (16, or nullptr) and the thread's id. Never 0.
uint64_t random_seed(const void* process_random, core::ThreadId thread);

// How many bytes lie before the next drawn one: exponentially distributed, without end for kNeverDrawn. Advances the generator's
// state.
int64_t draw_distance(uint64_t& random_state, uint64_t mean);

// How many blocks, and how many bytes, a tracked block stands for. The same whenever it is asked of the same block.
struct Weight {
  uint64_t count;
  uint64_t bytes;
};
Weight weigh(uintptr_t address, size_t bytes, uint64_t tick, uint64_t mean);

// Under the sampling in effect; without it a block stands for itself.
inline Weight weight_of(const Block& block) {
  if (!sampling()) [[likely]]
    return {1, block.bytes};
  return weigh(block.address, block.bytes, block.tick, sampling_mean);
}

// A block that was not drawn, but has a record for what the pool cannot tell of it: where an aligned block's pool block starts,
// and that it is the loader's. It counts for nothing.
inline bool is_placeholder(const Block& block) { return sampling() && block.thread == core::ThreadId::unknown; }

}  // namespace weir::track
