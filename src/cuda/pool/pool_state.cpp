#include "cuda/pool/pool_state.h"

#include <sys/syscall.h>

#include "core/clock.h"
#include "core/confinement.h"
#include "core/large_table.h"
#include "core/system_call.h"
#include "cuda/pool/pool_contexts.h"

namespace weir::cuda::pool {
namespace {

void raise(uint64_t& peak, uint64_t value) {
  if (value > peak) peak = value;
}

// What is idle is counted as cached here; how much of it is in quarantine is found when the figures are read.
void add_live(Figures& figures, const Block& block) {
  figures.is_used = true;
  ++figures.live_count;
  figures.live_bytes += block.taken_bytes;
  figures.live_asked_bytes += block.asked_bytes;
  raise(figures.peak_live_bytes, figures.live_bytes);
  raise(figures.peak_reserved_bytes, figures.live_bytes + figures.cached_bytes);
}

void remove_live(Figures& figures, const Block& block) {
  --figures.live_count;
  figures.live_bytes -= block.taken_bytes;
  figures.live_asked_bytes -= block.asked_bytes;
}

void add_idle(Figures& figures, const Block& block) {
  ++figures.cached_count;
  figures.cached_bytes += block.taken_bytes;
}

void remove_idle(Figures& figures, const Block& block) {
  --figures.cached_count;
  figures.cached_bytes -= block.taken_bytes;
}

Figures& figures_of(Memory memory, const Block& block) { return pool_state.figures(memory, block.bin->device); }

void forget(void* memory, const Block& block) { count_forgotten(*static_cast<Memory*>(memory), block); }

}  // namespace

WEIR_LARGE_TABLE constinit PoolState pool_state;

bool Patience::lasts() {
  constexpr uint64_t kLongestNs = 10'000'000'000;  // it may stand behind a long kernel
  const uint64_t now = core::read_clock_pair().ns;
  if (end_ns_ == 0) end_ns_ = now + kLongestNs;
  if (!core::system_calls_restricted()) core::system_call(SYS_sched_yield);
  return now < end_ns_;
}

bool is_leaving(const Block& block) {
  return block.state == Block::State::returning || is_context_ending(block.bin->key.owner);  // guard: context-ending
}

void count_miss(Memory memory, const Block& block) {
  Figures& figures = figures_of(memory, block);
  ++figures.miss_count;
  figures.miss_bytes += block.taken_bytes;
  ++block.bin->miss_count;
  add_live(figures, block);
}

void count_found(Memory memory, const Block& block) {
  Figures& figures = figures_of(memory, block);
  ++figures.hit_count;
  figures.hit_bytes += block.taken_bytes;
  ++block.bin->hit_count;
  add_live(figures, block);
}

void count_hit(Memory memory, const Block& block) {
  remove_idle(figures_of(memory, block), block);
  count_found(memory, block);
}

void count_kept(Memory memory, const Block& block) {
  Figures& figures = figures_of(memory, block);
  ++figures.kept_count;
  remove_live(figures, block);
  add_idle(figures, block);
}

void count_given_back(Memory memory, const Block& block) { remove_idle(figures_of(memory, block), block); }

void count_returned(Memory memory, const Block& block) {
  Figures& figures = figures_of(memory, block);
  ++figures.returned_count;
  remove_live(figures, block);
}

void count_prewarmed(Memory memory, const Block& block) {
  Figures& figures = figures_of(memory, block);
  figures.is_used = true;
  ++figures.prewarmed_count;
  figures.prewarmed_bytes += block.taken_bytes;
  add_idle(figures, block);
  raise(figures.peak_reserved_bytes, figures.live_bytes + figures.cached_bytes);
}

void count_put_back(Memory memory, const Block& block) {
  Figures& figures = figures_of(memory, block);
  --figures.returned_count;
  add_live(figures, block);
}

void count_forgotten(Memory memory, const Block& block) {
  Figures& figures = figures_of(memory, block);
  if (block.state == Block::State::idle || block.state == Block::State::returning) {
    remove_idle(figures, block);
  } else {
    remove_live(figures, block);
  }
}

void forget_stale(Memory memory, uint64_t address) {
  Block* stale = pool_state.cache(memory).find(address);
  if (stale == nullptr) return;
  count_forgotten(memory, *stale);
  pool_state.cache(memory).remove(*stale);
}

void forget_blocks_of(uint64_t owner) {
  for (Memory memory : {Memory::device, Memory::pinned}) {
    pool_state.cache(memory).forget_owner(owner, &forget, &memory);
  }
}

}  // namespace weir::cuda::pool
