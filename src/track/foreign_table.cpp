#include "track/foreign_table.h"

#include <cstring>

#include "core/arena.h"
#include "core/spin_lock.h"

namespace weir::track {
namespace {

constexpr size_t kShards = 64;
constexpr size_t kFirstCapacity = 64;

struct Entry {
  uintptr_t address;  // 0: empty
  size_t bytes;
  Record record;
};

uint64_t hash_of(uintptr_t address) {
  uint64_t hash = (address >> 4) * 0x9E3779B97F4A7C15ULL;
  return hash ^ (hash >> 32);
}

// Open addressing with linear probes; removal shifts later entries back, so that there are no tombstones to clean up.
class Shard {
 public:
  bool insert(const Block& block) {
    core::LockScope scope(lock_);
    if ((count_ + 1) * 4 > capacity_ * 3 && !grow()) return false;
    place({block.address, block.bytes, pack(block)});
    ++count_;
    return true;
  }

  bool find(uintptr_t address, Block* block) {
    core::LockScope scope(lock_);
    const Entry* entry = locate(address);
    if (entry != nullptr) *block = block_of(*entry);
    return entry != nullptr;
  }

  bool take(uintptr_t address, Block* block) {
    core::LockScope scope(lock_);
    Entry* entry = locate(address);
    if (entry == nullptr) return false;
    *block = block_of(*entry);
    remove(static_cast<size_t>(entry - entries_));
    --count_;
    return true;
  }

  void for_each(BlockVisitor visit, void* context) {
    core::LockScope scope(lock_);
    for (size_t i = 0; i < capacity_; ++i) {
      if (entries_[i].address != 0) visit(context, block_of(entries_[i]));
    }
  }

  void reset_after_fork() { lock_.reset_after_fork(); }

 private:
  static Block block_of(const Entry& entry) {
    Block block = unpack(entry.record);
    block.address = entry.address;
    block.bytes = entry.bytes;
    return block;
  }
  // The shard is chosen by the low bits, the place in it by the rest.
  size_t home(uintptr_t address) const { return (hash_of(address) / kShards) & (capacity_ - 1); }

  Entry* locate(uintptr_t address) {
    if (capacity_ == 0) return nullptr;
    for (size_t i = home(address); entries_[i].address != 0; i = (i + 1) & (capacity_ - 1)) {
      if (entries_[i].address == address) return &entries_[i];
    }
    return nullptr;
  }

  void place(const Entry& entry) {
    size_t i = home(entry.address);
    while (entries_[i].address != 0) i = (i + 1) & (capacity_ - 1);
    entries_[i] = entry;
  }

  void remove(size_t hole) {
    const size_t mask = capacity_ - 1;
    for (size_t i = (hole + 1) & mask; entries_[i].address != 0; i = (i + 1) & mask) {
      const size_t distance_from_home = (i - home(entries_[i].address)) & mask;
      const size_t distance_from_hole = (i - hole) & mask;
      if (distance_from_home >= distance_from_hole) {
        entries_[hole] = entries_[i];
        hole = i;
      }
    }
    entries_[hole].address = 0;
  }

  bool grow() {
    const size_t old_capacity = capacity_;
    Entry* old_entries = entries_;
    const size_t capacity = old_capacity == 0 ? kFirstCapacity : old_capacity * 2;
    auto* entries = core::arena_array<Entry>(capacity);
    if (entries == nullptr) return count_ + 1 < old_capacity;  // full to the brim still works, slowly
    entries_ = entries;
    capacity_ = capacity;
    for (size_t i = 0; i < old_capacity; ++i) {
      if (old_entries[i].address != 0) place(old_entries[i]);
    }
    core::arena_release(old_entries, old_capacity * sizeof(Entry));
    return true;
  }

  core::SpinLock lock_;
  Entry* entries_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

constinit Shard shards[kShards];

Shard& shard_of(uintptr_t address) { return shards[hash_of(address) % kShards]; }

}  // namespace

bool foreign_insert(const Block& block) { return shard_of(block.address).insert(block); }
bool foreign_find(uintptr_t address, Block* block) { return shard_of(address).find(address, block); }
bool foreign_take(uintptr_t address, Block* block) { return shard_of(address).take(address, block); }

void foreign_for_each(BlockVisitor visit, void* context) {
  for (Shard& shard : shards) shard.for_each(visit, context);
}

void foreign_reset_after_fork() {
  for (Shard& shard : shards) shard.reset_after_fork();
}

}  // namespace weir::track
