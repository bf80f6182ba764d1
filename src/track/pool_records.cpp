#include "track/pool_records.h"

#include "core/arena.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "track/size_class.h"

namespace weir::track {

WEIR_LARGE_TABLE std::atomic<detail::Middle*> detail::directory[detail::kRadixEntries];
WEIR_LARGE_TABLE std::atomic<const std::atomic<PageRecords*>*> detail::recent_slices[detail::kRecentUnits];

namespace {

using detail::directory;
using detail::kRadixBits;
using detail::kRadixEntries;
using detail::kSpanTag;
using detail::Middle;
using detail::slice_of;
using detail::Unit;

core::SpinLock directory_lock;

std::atomic<uintptr_t>* find_unit_entry(uintptr_t address) {
  if (address >> kAddressBits != 0) return nullptr;
  const uintptr_t unit = address >> kUnitShift;
  Middle* middle = directory[unit >> kRadixBits].load(std::memory_order_acquire);
  return middle == nullptr ? nullptr : &middle->units[unit & (kRadixEntries - 1)];
}

std::atomic<uintptr_t>* make_unit_entry(uintptr_t address) {
  const uintptr_t unit = address >> kUnitShift;
  std::atomic<Middle*>& slot = directory[unit >> kRadixBits];
  if (slot.load(std::memory_order_relaxed) == nullptr) {
    auto* middle = core::arena_array<Middle>(1);
    if (middle == nullptr) return nullptr;
    slot.store(middle, std::memory_order_release);
  }
  return find_unit_entry(address);
}

void release_page(PageRecords* page) {
  if (AtomicRecord* outer = page->records[1].load(std::memory_order_relaxed)) {
    core::arena_release(outer + kInlineRecords, (page->block_count - kInlineRecords) * sizeof(Record));
  }
  core::arena_release(page, page->allocated_bytes);
}

// A slice is given to another page only after the pool freed the whole of the one it belonged to: that array is never right
// again, whatever other slices still name it.
void drop_reference(PageRecords* page) {
  if (page == nullptr) return;
  page->page.store(nullptr, std::memory_order_relaxed);
  if (--page->slices_held == 0) release_page(page);
}

Unit* make_unit(uintptr_t address) {
  std::atomic<uintptr_t>* entry = make_unit_entry(address);
  if (entry == nullptr) return nullptr;
  const uintptr_t present = entry->load(std::memory_order_relaxed);
  if (present != 0 && (present & kSpanTag) == 0) return reinterpret_cast<Unit*>(present);
  auto* unit = core::arena_array<Unit>(1);
  if (unit == nullptr) return nullptr;
  unit->number = address >> kUnitShift;
  detail::recent_slices[unit->number % detail::kRecentUnits].store(unit->slices, std::memory_order_release);
  entry->store(reinterpret_cast<uintptr_t>(unit), std::memory_order_release);
  if (present != 0) drop_reference(reinterpret_cast<PageRecords*>(present & ~kSpanTag));
  return unit;
}

// A reader may still be in it: it is type-stable, and its number is overwritten with the rest.
void forget_recent(const Unit* unit) {
  auto& recent = detail::recent_slices[unit->number % detail::kRecentUnits];
  if (recent.load(std::memory_order_relaxed) == unit->slices) recent.store(nullptr, std::memory_order_relaxed);
}

bool whole_unit_inside(uintptr_t unit_start, uintptr_t start, uintptr_t end) {
  return unit_start >= start && unit_start + (uintptr_t{1} << kUnitShift) <= end;
}

bool set_span(uintptr_t unit_start, PageRecords* page) {
  std::atomic<uintptr_t>* entry = make_unit_entry(unit_start);
  if (entry == nullptr) return false;
  const uintptr_t present = entry->load(std::memory_order_relaxed);
  if (present == (reinterpret_cast<uintptr_t>(page) | kSpanTag)) return true;
  ++page->slices_held;
  entry->store(reinterpret_cast<uintptr_t>(page) | kSpanTag, std::memory_order_release);
  if ((present & kSpanTag) != 0) {
    drop_reference(reinterpret_cast<PageRecords*>(present & ~kSpanTag));
  } else if (present != 0) {
    auto* unit = reinterpret_cast<Unit*>(present);
    forget_recent(unit);
    for (auto& slice : unit->slices) drop_reference(slice.load(std::memory_order_relaxed));
    core::arena_release(unit, sizeof(Unit));
  }
  return true;
}

bool set_slice(uintptr_t address, PageRecords* page) {
  Unit* unit = make_unit(address);
  if (unit == nullptr) return false;
  std::atomic<PageRecords*>& slot = unit->slices[slice_of(address)];
  PageRecords* present = slot.load(std::memory_order_relaxed);
  if (present == page) return true;
  ++page->slices_held;
  slot.store(page, std::memory_order_release);
  drop_reference(present);
  return true;
}

bool enter_in_directory(PageRecords* page) {
  const uintptr_t unit_bytes = uintptr_t{1} << kUnitShift;
  uintptr_t address = page->start;
  while (address < (page->start + bytes_of(*page))) {
    if ((address & (unit_bytes - 1)) == 0 && whole_unit_inside(address, page->start, (page->start + bytes_of(*page)))) {
      if (!set_span(address, page)) return false;
      address += unit_bytes;
    } else {
      if (!set_slice(address, page)) return false;
      address = ((address >> kSliceShift) + 1) << kSliceShift;
    }
  }
  return true;
}

PageRecords* make_page(const PageIdentity& identity, const PageGeometry& geometry) {
  const size_t block_count = geometry.bytes / geometry.block_bytes;
  const size_t inline_count = block_count < kInlineRecords ? block_count : kInlineRecords;
  const size_t bytes = sizeof(PageRecords) + inline_count * sizeof(Record);
  auto* page = static_cast<PageRecords*>(core::arena_allocate(bytes));
  if (page == nullptr) return nullptr;
  page->start = geometry.start;
  if (block_count > 1) {
    page->reciprocal = ((uint64_t{1} << kReciprocalShift) + geometry.block_bytes - 1) / geometry.block_bytes;
  }
  page->page.store(identity.page, std::memory_order_relaxed);
  page->block_bytes = identity.block_bytes;
  page->block_bytes32 = identity.block_bytes <= UINT32_MAX ? static_cast<uint32_t>(identity.block_bytes) : 0;
  page->records[0].store(reinterpret_cast<AtomicRecord*>(page + 1), std::memory_order_relaxed);
  page->block_count = static_cast<uint32_t>(block_count);
  page->records_at_hand.store(static_cast<uint32_t>(inline_count), std::memory_order_relaxed);
  page->block_class = block_class(geometry.block_bytes);
  page->allocated_bytes = bytes;
  return page;
}

PageRecords* enter_page(uintptr_t base, const PageIdentity& identity, GeometryOf geometry_of) {
  core::LockScope scope(directory_lock);
  const PageGeometry geometry = geometry_of(base);
  PageRecords* page = make_page(identity, geometry);
  if (page == nullptr || !enter_in_directory(page)) return nullptr;
  return page;
}

}  // namespace

PageRecords* detail::find_page_in_directory(uintptr_t address) {
  std::atomic<uintptr_t>* entry = find_unit_entry(address);
  const uintptr_t unit = entry == nullptr ? 0 : entry->load(std::memory_order_acquire);
  if (unit == 0) return nullptr;
  if ((unit & kSpanTag) != 0) return reinterpret_cast<PageRecords*>(unit & ~kSpanTag);
  const auto* found = reinterpret_cast<const Unit*>(unit);
  recent_slices[found->number % kRecentUnits].store(found->slices, std::memory_order_release);
  return found->slices[slice_of(address)].load(std::memory_order_acquire);
}

PageRecords* page_for_insert(uintptr_t base, const PageIdentity& identity, GeometryOf geometry, bool* new_page) {
  PageRecords* page = find_page(base);
  *new_page = !same_page(page, identity);
  if (!*new_page) [[likely]]
    return page;
  PageRecords* entered = enter_page(base, identity, geometry);
  if (entered == nullptr && page != nullptr)
    page->page.store(nullptr, std::memory_order_relaxed);  // the pool's is another
  return entered;
}

AtomicRecord* record_for_insert(PageRecords& page, uint32_t index) {
  AtomicRecord* record = record_at(page, index);
  if (record != nullptr) [[likely]]
    return record;
  // Only the thread that owns the pool page allocates in it, so nobody else makes this array meanwhile.
  auto* outer = core::arena_array<AtomicRecord>(page.block_count - kInlineRecords);
  if (outer == nullptr) return nullptr;
  page.records[1].store(outer - kInlineRecords, std::memory_order_relaxed);
  page.records_at_hand.store(page.block_count, std::memory_order_release);
  return outer - kInlineRecords + index;
}

namespace {

void visit_unit(Unit& unit, uintptr_t unit_address, void (*visit)(void* context, PageRecords& page), void* context) {
  for (size_t slice = 0; slice < kSlicesPerUnit; ++slice) {
    PageRecords* page = unit.slices[slice].load(std::memory_order_acquire);
    // Once a page, where it starts: it may span slices and units.
    const uintptr_t slice_address = unit_address + (slice << kSliceShift);
    if (page != nullptr && page->start >> kSliceShift == slice_address >> kSliceShift) visit(context, *page);
  }
}

}  // namespace

void for_each_page(void (*visit)(void* context, PageRecords& page), void* context) {
  for (uintptr_t high = 0; high < kRadixEntries; ++high) {
    Middle* middle = directory[high].load(std::memory_order_acquire);
    if (middle == nullptr) continue;
    for (uintptr_t low = 0; low < kRadixEntries; ++low) {
      const uintptr_t entry = middle->units[low].load(std::memory_order_acquire);
      if (entry == 0 || (entry & kSpanTag) != 0) continue;
      visit_unit(*reinterpret_cast<Unit*>(entry), ((high << kRadixBits) | low) << kUnitShift, visit, context);
    }
  }
}

void for_each_page_that_stays(void (*visit)(void* context, PageRecords& page), void* context) {
  core::LockScope scope(directory_lock);
  for_each_page(visit, context);
}

void forget_pool_range(uintptr_t start, size_t bytes) {
  core::LockScope scope(directory_lock);
  const uintptr_t unit_bytes = uintptr_t{1} << kUnitShift;
  for (uintptr_t address = start & ~(unit_bytes - 1); address < start + bytes; address += unit_bytes) {
    std::atomic<uintptr_t>* entry = find_unit_entry(address);
    const uintptr_t present = entry == nullptr ? 0 : entry->load(std::memory_order_relaxed);
    if (present == 0) continue;
    if ((present & kSpanTag) != 0) {
      entry->store(0, std::memory_order_release);
      drop_reference(reinterpret_cast<PageRecords*>(present & ~kSpanTag));
      continue;
    }
    for (size_t slice = 0; slice < kSlicesPerUnit; ++slice) {
      const uintptr_t slice_start = address + (slice << kSliceShift);
      if (slice_start < start || slice_start >= start + bytes) continue;
      drop_reference(reinterpret_cast<Unit*>(present)->slices[slice].exchange(nullptr, std::memory_order_acq_rel));
    }
  }
}

void pool_records_reset_after_fork() { directory_lock.reset_after_fork(); }

}  // namespace weir::track
