#include "core/own_memory.h"

#include "core/large_table.h"
#include "core/spin_lock.h"
#include "core/system_call.h"

namespace weir::core {
namespace {

// Neighbours are one entry: the kernel places one mapping below the last, so that few are needed. What finds no place is not listed, and is
// then taken for the program's: a leak may be missed, none is made up.
constexpr uintptr_t kPageBytes = 4096;

constinit SpinLock lock;
WEIR_LARGE_TABLE OwnRange ranges[kMostOwnRanges];
size_t range_count;

uintptr_t end_of(uintptr_t start, size_t bytes) { return (start + bytes + kPageBytes - 1) & ~(kPageBytes - 1); }

void drop(size_t place) { ranges[place] = ranges[--range_count]; }

void add(uintptr_t start, uintptr_t end) {
  const LockScope scope(lock);
  for (size_t i = range_count; i-- > 0;) {  // the latest are the likeliest neighbours
    if (ranges[i].start == end) {
      end = ranges[i].end;
      drop(i);
    } else if (ranges[i].end == start) {
      start = ranges[i].start;
      drop(i);
    }
  }
  if (range_count < kMostOwnRanges) ranges[range_count++] = {start, end};
}

void remove(uintptr_t start, uintptr_t end) {
  const LockScope scope(lock);
  for (size_t i = range_count; i-- > 0;) {
    const OwnRange range = ranges[i];
    if (range.end <= start || range.start >= end) continue;
    drop(i);
    if (range.start < start && range_count < kMostOwnRanges) ranges[range_count++] = {range.start, start};
    if (range.end > end && range_count < kMostOwnRanges) ranges[range_count++] = {end, range.end};
  }
}

}  // namespace

void* map_own(size_t bytes) {
  void* const address = map_anonymous(bytes);
  if (address != nullptr)
    add(reinterpret_cast<uintptr_t>(address), end_of(reinterpret_cast<uintptr_t>(address), bytes));
  return address;
}

// Off the list first: another thread may get the address as soon as the kernel has it.
void unmap_own(void* address, size_t bytes) {
  remove(reinterpret_cast<uintptr_t>(address), end_of(reinterpret_cast<uintptr_t>(address), bytes));
  unmap(address, bytes);
}

void* remap_own(void* address, size_t bytes, size_t new_bytes) {
  const auto old_start = reinterpret_cast<uintptr_t>(address);
  remove(old_start, end_of(old_start, bytes));
  const long result = system_call(SYS_mremap, as_argument(address), static_cast<long>(bytes),
                                  static_cast<long>(new_bytes), MREMAP_MAYMOVE);
  if (failed(result)) {
    add(old_start, end_of(old_start, bytes));
    return nullptr;
  }
  const auto start = static_cast<uintptr_t>(result);
  add(start, end_of(start, new_bytes));
  return reinterpret_cast<void*>(result);
}

size_t copy_own_ranges(OwnRange* copy) {
  const LockScope scope(lock);
  for (size_t i = 0; i < range_count; ++i) copy[i] = ranges[i];
  return range_count;
}

void own_memory_reset_after_fork() { lock.reset_after_fork(); }

}  // namespace weir::core
