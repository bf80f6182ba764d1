#include "leak/device_index.h"

#include <algorithm>

#include "cuda/allocation_table.h"
#include "cuda/driver.h"

namespace weir::leak {
namespace {

bool is_address(const cuda::Allocation& allocation) {
  return allocation.space == cuda::Space::address || allocation.space == cuda::Space::registration ||
         allocation.space == cuda::Space::mapping || allocation.space == cuda::Space::reservation;
}

uint64_t extent_of(const cuda::Allocation& allocation) {
  return is_address(allocation) ? std::max<uint64_t>(allocation.bytes, 1) : 1;
}

}  // namespace

bool DeviceIndex::is_host_memory(const cuda::Allocation& allocation) { return allocation.kind == cuda::Kind::pinned; }

bool DeviceIndex::may_hide_addresses(const cuda::Allocation& allocation) {
  const bool is_memory_of_device = cuda::traits_of(allocation.kind).on_device || allocation.kind == cuda::Kind::managed;
  return is_memory_of_device && allocation.kind != cuda::Kind::array && allocation.bytes >= sizeof(uint64_t);
}

bool DeviceIndex::is_before(const Entry& a, const Entry& b) {
  return a.allocation.key != b.allocation.key ? a.allocation.key < b.allocation.key
                                              : a.allocation.serial < b.allocation.serial;
}

void DeviceIndex::add(const cuda::Allocation& allocation) {
  // A variable's address, a view's or a node's handle holds what it is part of, not a piece of memory of its own.
  const bool is_wanted = cuda::traits_of(allocation.kind).is_leak || allocation.kind == cuda::Kind::mapping;
  if (is_wanted && !entries_.push({allocation, 0})) out_of_memory_ = true;
}

bool DeviceIndex::build() {
  if (!cuda::driver_was_bound()) return true;
  cuda::for_each_allocation(
      [](void* self, const cuda::Allocation& allocation) { static_cast<DeviceIndex*>(self)->add(allocation); }, this);
  std::sort(entries_.begin(), entries_.end(), &is_before);
  uintptr_t highest = 0;
  for (const Entry& entry : entries_) {
    const uint64_t extent = extent_of(entry.allocation);
    longest_ = std::max(longest_, extent);
    lowest_ = std::min<uintptr_t>(lowest_, entry.allocation.key);
    highest = std::max<uintptr_t>(highest, entry.allocation.key + extent);
  }
  span_ = highest > lowest_ ? highest - lowest_ : 0;
  return !out_of_memory_;
}

bool DeviceIndex::find(uintptr_t word, size_t* place) const {
  const Entry* entry = std::upper_bound(entries_.begin(), entries_.end(), word,
                                        [](uintptr_t address, const Entry& of) { return address < of.allocation.key; });
  while (entry != entries_.begin()) {
    --entry;
    if (word - entry->allocation.key < extent_of(entry->allocation)) {
      *place = static_cast<size_t>(entry - entries_.begin());
      return true;
    }
    if (word - entry->allocation.key >= longest_) return false;  // what begins further down ends below the word
  }
  return false;
}

uint8_t DeviceIndex::mark_of(const cuda::Allocation& allocation) const {
  const Entry wanted{allocation, 0};
  const Entry* entry = std::lower_bound(entries_.begin(), entries_.end(), wanted, &is_before);
  return entry != entries_.end() && entry->allocation.serial == allocation.serial ? entry->mark : 0;
}

}  // namespace weir::leak
