// A table by address for Weir's slow paths, of entries that hold plain values. Memory comes from the arena.
//
// Threads: any. Where fork may copy it locked, reset_after_fork() in the child.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arena.h"
#include "core/spin_lock.h"

namespace weir::core {

inline uint64_t hash_of_address(uintptr_t address) {
  const uint64_t hash = (address >> 4) * 0x9E3779B97F4A7C15ULL;
  return hash ^ (hash >> 32);
}

// Open addressing with linear probes; removal shifts later entries back, so that there are no tombstones to clean up. Entry is
// trivial and has `uintptr_t address`, which is not 0. kShards: of so many tables, chosen by the low bits of hash_of_address.
template <class Entry, size_t kShards = 1>
class AddressTable {
 public:
  // An address that is not in the table. False where memory is out.
  bool insert(const Entry& entry) {
    LockScope scope(lock_);
    if ((count_ + 1) * 4 > capacity_ * 3 && !grow()) return false;
    place(entry);
    ++count_;
    return true;
  }

  bool find(uintptr_t address, Entry* result) {
    LockScope scope(lock_);
    const Entry* entry = locate(address);
    if (entry != nullptr) *result = *entry;
    return entry != nullptr;
  }

  bool take(uintptr_t address, Entry* result) {
    LockScope scope(lock_);
    Entry* entry = locate(address);
    if (entry == nullptr) return false;
    *result = *entry;
    remove(static_cast<size_t>(entry - entries_));
    --count_;
    return true;
  }

  // Calls change(Entry&), which leaves the address alone. False where there is none.
  template <class Change>
  bool change(uintptr_t address, const Change& change) {
    LockScope scope(lock_);
    Entry* entry = locate(address);
    if (entry != nullptr) change(*entry);
    return entry != nullptr;
  }

  // Under the lock.
  template <class Visit>
  void for_each(const Visit& visit) {
    LockScope scope(lock_);
    for (size_t i = 0; i < capacity_; ++i) {
      if (entries_[i].address != 0) visit(entries_[i]);
    }
  }

  void reset_after_fork() { lock_.reset_after_fork(); }

 private:
  static constexpr size_t kFirstCapacity = 64;

  size_t home(uintptr_t address) const { return (hash_of_address(address) / kShards) & (capacity_ - 1); }

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
    auto* entries = arena_array<Entry>(capacity);
    if (entries == nullptr) return count_ + 1 < old_capacity;  // full to the brim still works, slowly
    entries_ = entries;
    capacity_ = capacity;
    for (size_t i = 0; i < old_capacity; ++i) {
      if (old_entries[i].address != 0) place(old_entries[i]);
    }
    if (old_entries != nullptr) arena_release(old_entries, old_capacity * sizeof(Entry));
    return true;
  }

  SpinLock lock_;
  Entry* entries_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

}  // namespace weir::core
