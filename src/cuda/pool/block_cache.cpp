#include "cuda/pool/block_cache.h"

#include "core/arena.h"

namespace weir::cuda::pool {
namespace {

constexpr size_t kFirstSlots = 256;

uint64_t hash(uint64_t word) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  constexpr int kShift = 32;
  return (word * kMultiplier) >> kShift;
}

uint64_t hash_of(const BinKey& key) { return hash(key.owner ^ hash(key.bytes) ^ (hash(key.shape) << 16)); }

using Link = Block* Block::*;

template <Link next, Link previous>
void append(BlockList& list, Block& block) {
  block.*next = nullptr;
  block.*previous = list.last;
  (list.last == nullptr ? list.first : list.last->*next) = &block;
  list.last = &block;
}

template <Link next, Link previous>
void unlink(BlockList& list, Block& block) {
  (block.*previous == nullptr ? list.first : block.*previous->*next) = block.*next;
  (block.*next == nullptr ? list.last : block.*next->*previous) = block.*previous;
}

void append_in_bin(BlockList& list, Block& block) { append<&Block::next_in_bin, &Block::previous_in_bin>(list, block); }
void unlink_in_bin(BlockList& list, Block& block) { unlink<&Block::next_in_bin, &Block::previous_in_bin>(list, block); }
void append_idle(BlockList& list, Block& block) { append<&Block::next_idle, &Block::previous_idle>(list, block); }
void unlink_idle(BlockList& list, Block& block) { unlink<&Block::next_idle, &Block::previous_idle>(list, block); }

// Blocks whose work is done leave the quarantine. Each does so once: the cost is its free's.
void end_quarantine(Bin& bin, uint64_t done_number) {
  while (bin.waiting.first != nullptr && bin.waiting.first->freed_number <= done_number) {  // guard: quarantine
    Block& block = *bin.waiting.first;
    unlink_in_bin(bin.waiting, block);
    block.freed_number = 0;
    append_in_bin(bin.ready, block);
    --bin.waiting_count;
  }
}

// The list of its bin that an idle block is in: one that is ready has no number.
BlockList& list_of(Block& block) { return block.freed_number != 0 ? block.bin->waiting : block.bin->ready; }

}  // namespace

Bin* BlockCache::bin_of(const BinKey& key, int device) {
  const uint64_t place = hash_of(key);
  if (bin_slots_ != 0) {
    for (Bin* bin = bins_[place & (bin_slots_ - 1)]; bin != nullptr; bin = bin->next_at_hash) {
      if (bin->key == key) return bin;
    }
  }
  if (bin_count_ >= bin_slots_) grow_bins();
  if (bin_slots_ == 0) return nullptr;
  auto* bin = static_cast<Bin*>(core::arena_allocate(sizeof(Bin)));
  if (bin == nullptr) return nullptr;
  Bin*& slot = bins_[place & (bin_slots_ - 1)];
  *bin = Bin{key, device, {}, {}, 0, 0, 0, 0, 0, slot};
  slot = bin;
  ++bin_count_;
  return bin;
}

Block* BlockCache::take_ready(Bin& bin, uint64_t done_number) {
  end_quarantine(bin, done_number);
  Block* block = bin.ready.last;
  if (block == nullptr) return nullptr;
  begin_return(*block);
  block->state = Block::State::live;
  return block;
}

Block* BlockCache::add(Bin& bin, uint64_t address, uint64_t asked_bytes) {
  if (block_count_ >= block_slots_) grow_blocks();
  if (block_slots_ == 0) return nullptr;
  Block* block = spare_;
  if (block != nullptr) {
    spare_ = block->next_at_hash;
  } else {
    block = static_cast<Block*>(core::arena_allocate(sizeof(Block)));
    if (block == nullptr) return nullptr;
  }
  *block = Block{};
  block->address = address;
  block->taken_bytes = bin.key.bytes;
  block->asked_bytes = asked_bytes;
  block->bin = &bin;
  block->state = Block::State::live;
  Block** slot = slot_of(address);
  block->next_at_hash = *slot;
  *slot = block;
  count_blocks(1);
  ++bin.live_count;
  return block;
}

Block** BlockCache::slot_of(uint64_t address) const { return &blocks_[hash(address) & (block_slots_ - 1)]; }

Block* BlockCache::find(uint64_t address) const {
  if (block_slots_ == 0) return nullptr;
  for (Block* block = *slot_of(address); block != nullptr; block = block->next_at_hash) {
    if (block->address == address) return block;
  }
  return nullptr;
}

void BlockCache::keep(Block& block, uint64_t freed_number, uint64_t tick) {
  block.state = Block::State::idle;
  block.freed_number = freed_number;
  block.idle_since_tick = tick;
  append_in_bin(list_of(block), block);
  Bin& bin = *block.bin;
  append_idle(idle_[place_of(bin.device)], block);
  idle_bytes_[place_of(bin.device)] += block.taken_bytes;
  ++bin.idle_count;
  --bin.live_count;
  if (freed_number != 0) ++bin.waiting_count;
}

void BlockCache::begin_return(Block& block) {
  Bin& bin = *block.bin;
  if (block.freed_number != 0) --bin.waiting_count;
  unlink_in_bin(list_of(block), block);
  unlink_idle(idle_[place_of(bin.device)], block);
  idle_bytes_[place_of(bin.device)] -= block.taken_bytes;
  --bin.idle_count;
  ++bin.live_count;
  block.state = Block::State::returning;
}

void BlockCache::remove(Block& block) {
  if (block.state == Block::State::idle) begin_return(block);
  --block.bin->live_count;
  Block** link = slot_of(block.address);
  while (*link != &block) link = &(*link)->next_at_hash;
  *link = block.next_at_hash;
  count_blocks(-1);
  block.next_at_hash = spare_;
  spare_ = &block;
}

void BlockCache::forget_owner(uint64_t owner, BlockVisitor visit, void* context) {
  for (size_t slot = 0; slot < block_slots_; ++slot) {
    for (Block* block = blocks_[slot]; block != nullptr;) {
      Block* const next = block->next_at_hash;
      if (block->bin->key.owner == owner) {
        visit(context, *block);
        remove(*block);
      }
      block = next;
    }
  }
}

void BlockCache::for_each_bin(BinVisitor visit, void* context) const {
  for (size_t slot = 0; slot < bin_slots_; ++slot) {
    for (const Bin* bin = bins_[slot]; bin != nullptr; bin = bin->next_at_hash) visit(context, *bin);
  }
}

// Another thread of the parent's may have been in the middle of a change: nothing of it is looked at.
void BlockCache::forget_all() {
  blocks_ = nullptr;
  bins_ = nullptr;
  spare_ = nullptr;
  block_slots_ = block_count_ = bin_slots_ = bin_count_ = 0;
  for (BlockList& list : idle_) list = {};
  for (uint64_t& bytes : idle_bytes_) bytes = 0;
}

void BlockCache::grow_blocks() {
  const size_t slots = block_slots_ == 0 ? kFirstSlots : block_slots_ * 2;
  auto* larger = core::arena_array<Block*>(slots);
  if (larger == nullptr) return;
  Block** const before = blocks_;
  const size_t slots_before = block_slots_;
  blocks_ = larger;
  block_slots_ = slots;
  for (size_t slot = 0; slot < slots_before; ++slot) {
    for (Block* block = before[slot]; block != nullptr;) {
      Block* const next = block->next_at_hash;
      Block** const place = slot_of(block->address);
      block->next_at_hash = *place;
      *place = block;
      block = next;
    }
  }
  if (before != nullptr) core::arena_release(before, slots_before * sizeof(Block*));
}

void BlockCache::grow_bins() {
  const size_t slots = bin_slots_ == 0 ? kFirstSlots : bin_slots_ * 2;
  auto* larger = core::arena_array<Bin*>(slots);
  if (larger == nullptr) return;
  for (size_t slot = 0; slot < bin_slots_; ++slot) {
    for (Bin* bin = bins_[slot]; bin != nullptr;) {
      Bin* const next = bin->next_at_hash;
      Bin*& place = larger[hash_of(bin->key) & (slots - 1)];
      bin->next_at_hash = place;
      place = bin;
      bin = next;
    }
  }
  if (bins_ != nullptr) core::arena_release(bins_, bin_slots_ * sizeof(Bin*));
  bins_ = larger;
  bin_slots_ = slots;
}

}  // namespace weir::cuda::pool
