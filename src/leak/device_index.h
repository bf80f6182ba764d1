// What CUDA gave and is still allocated, by the words by which a program holds it: addresses and handles. The same use as HeapIndex's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/scratch.h"
#include "cuda/allocation.h"

namespace weir::leak {

class DeviceIndex {
 public:
  // Reads the live set. False where working memory is out.
  bool build();

  bool empty() const { return entries_.size() == 0; }
  bool may_hold(uintptr_t word) const { return word - lowest_ < span_; }

  // The place of what the word is an address in, or the handle of; false where there is nothing.
  bool find(uintptr_t word, size_t* place) const;

  size_t size() const { return entries_.size(); }
  const cuda::Allocation& operator[](size_t place) const { return entries_[place].allocation; }
  uint8_t& mark(size_t place) { return entries_[place].mark; }
  uint8_t mark_of(const cuda::Allocation& allocation) const;

  // Whether the program's processor can read what it holds: it may hold pointers to host blocks, which then are read.
  static bool is_host_memory(const cuda::Allocation& allocation);
  // Whether it may hold addresses that nobody on the host can see.
  static bool may_hide_addresses(const cuda::Allocation& allocation);

 private:
  struct Entry {
    cuda::Allocation allocation;
    uint8_t mark;
  };
  static bool is_before(const Entry& a, const Entry& b);
  void add(const cuda::Allocation& allocation);

  core::ScratchArray<Entry> entries_;  // by ascending key
  uint64_t longest_ = 0;               // bytes of the longest
  uintptr_t lowest_ = UINTPTR_MAX, span_ = 0;
  bool out_of_memory_ = false;
};

}  // namespace weir::leak
