// The blocks of one kind of memory that the pool has from the driver: in the program's hands, or idle and kept for reuse. Only the data:
// no call of the driver's is made here, and nothing is decided.
//
// A block is one allocation of the driver's, never split. Idle blocks lie in bins: those of one bin serve the same requests. Where a block's
// memory may still be in use by work that was queued before its free, it is in quarantine: each free has a number, and a block may be
// handed out once all work that was queued before the free of that number is known to be done.
//
// Threads: the caller holds the pool's lock. Memory: the arena's. Cost of each call: constant, but for for_each and a growing table's
// copying, unless said otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/allocation_table.h"

namespace weir::cuda::pool {

struct Bin;

struct Block {
  enum class State : uint8_t {
    live,     // in the program's hands
    closing,  // a call that frees it is under way
    idle,
    returning,  // idle, and on its way back to the driver
  };

  uint64_t address;
  uint64_t taken_bytes;  // from the driver
  uint64_t asked_bytes;  // by the program, of the present or last owner
  uint64_t buffer_id;    // that Weir gave it for this owner; 0: the driver's own holds
  uint64_t freed_number;
  uint64_t idle_since_tick;
  Bin* bin;
  State state;
  bool is_exported;  // others than this process's contexts may use it: it goes back to the driver when it is freed
  Block* next_at_hash;
  Block *next_in_bin, *previous_in_bin;  // of the list it is in
  Block *next_idle, *previous_idle;      // of all idle blocks of its device, the longest idle first
};

struct BlockList {
  Block* first = nullptr;
  Block* last = nullptr;
};

// What blocks must have in common to serve the same requests.
struct BinKey {
  uint64_t owner;  // the context whose memory it is
  uint64_t bytes;  // of a block
  uint64_t shape;  // what else they must have in common: flags, pitch

  bool operator==(const BinKey&) const = default;
};

struct Bin {
  BinKey key;
  int device;
  BlockList waiting;  // in quarantine, the earliest freed first
  BlockList ready;    // the latest freed last
  uint32_t waiting_count, idle_count, live_count;
  uint64_t hit_count, miss_count;
  Bin* next_at_hash;
};

class BlockCache {
 public:
  constexpr BlockCache() = default;

  // The bin of that key, made where there is none; nullptr where memory is out.
  Bin* bin_of(const BinKey& key, int device);

  // A block that may be handed out now that the work before the free `done_number` is done; it is live then. nullptr: none.
  Block* take_ready(Bin& bin, uint64_t done_number);
  // The number of the earliest free in quarantine; 0 where there is none.
  static uint64_t first_waiting(const Bin& bin) {
    return bin.waiting.first == nullptr ? 0 : bin.waiting.first->freed_number;
  }

  // A new block from the driver, live. nullptr where memory is out: the pool then does not know it.
  Block* add(Bin& bin, uint64_t address, uint64_t asked_bytes);

  // The block that begins at the address; nullptr: none.
  Block* find(uint64_t address) const;

  // A block that is closing or returning becomes idle.
  void keep(Block& block, uint64_t freed_number, uint64_t tick);

  // The block is the pool's no more: the driver's own, or gone.
  void remove(Block& block);

  // An idle block is given back to the driver: then it is removed or, where the driver refuses, kept again.
  void begin_return(Block& block);

  // Of a device; nullptr: nothing is idle.
  Block* longest_idle(int device) const { return idle_[place_of(device)].first; }
  uint64_t idle_bytes(int device) const { return idle_bytes_[place_of(device)]; }

  // Takes out all blocks of a context without a call to the driver, each shown to `visit` before. Cost: all blocks.
  using BlockVisitor = void (*)(void* context, const Block& block);
  void forget_owner(uint64_t owner, BlockVisitor visit, void* context);
  // Cost: all bins.
  using BinVisitor = void (*)(void* context, const Bin& bin);
  void for_each_bin(BinVisitor visit, void* context) const;

  // Cost: a load; any thread, without the lock.
  bool is_empty() const { return __atomic_load_n(&block_count_, __ATOMIC_RELAXED) == 0; }

  // In a forked child: its parent's blocks are not its own.
  void forget_all();

 private:
  void count_blocks(int more) {
    __atomic_store_n(&block_count_, block_count_ + static_cast<size_t>(more), __ATOMIC_RELAXED);
  }
  void grow_blocks();
  void grow_bins();
  Block** slot_of(uint64_t address) const;

  Block** blocks_ = nullptr;  // hash table of chains, by address
  size_t block_slots_ = 0, block_count_ = 0;
  Bin** bins_ = nullptr;  // the same, by key
  size_t bin_slots_ = 0, bin_count_ = 0;
  Block* spare_ = nullptr;  // records without a block, by next_at_hash
  BlockList idle_[kMostDevices];
  uint64_t idle_bytes_[kMostDevices] = {};

  static size_t place_of(int device) { return is_listed(device) ? static_cast<size_t>(device) : kMostDevices - 1; }
};

}  // namespace weir::cuda::pool
