#include "pool/pool_memory.h"

#include <atomic>
#include <cstring>

#include "core/arena.h"
#include "core/clock.h"
#include "core/confinement.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "pool/host_pool.h"
#include "pool/mimalloc_system_calls.h"

namespace weir::pool {
namespace {

struct Range {
  uintptr_t start;
  uintptr_t end;
};

// The pool's mappings, sorted and merged. Few: mimalloc maps 32 MiB and more at a time.
class RangeList {
 public:
  void add(uintptr_t start, uintptr_t end) {
    core::LockScope scope(lock_);
    size_t at = lower_bound(start);
    if (at > 0 && ranges_[at - 1].end == start) {
      ranges_[at - 1].end = end;
      if (at < count_ && ranges_[at].start == end) {
        ranges_[at - 1].end = ranges_[at].end;
        erase(at);
      }
    } else if (at < count_ && ranges_[at].start == end) {
      ranges_[at].start = start;
    } else if (insert(at, {start, end})) {
      return;
    }
  }

  void remove(uintptr_t start, uintptr_t end) {
    core::LockScope scope(lock_);
    size_t at = lower_bound(start);
    if (at > 0 && ranges_[at - 1].end > start) --at;
    while (at < count_ && ranges_[at].start < end) {
      const Range range = ranges_[at];
      erase(at);
      if (range.start < start && insert(at, {range.start, start})) ++at;
      if (range.end > end && insert(at, {end, range.end})) ++at;
    }
  }

  void for_each(void (*visit)(void*, uintptr_t, size_t), void* context) {
    core::LockScope scope(lock_);
    for (size_t i = 0; i < count_; ++i) visit(context, ranges_[i].start, ranges_[i].end - ranges_[i].start);
  }

  void reset_after_fork() { lock_.reset_after_fork(); }

 private:
  size_t lower_bound(uintptr_t start) const {
    size_t low = 0, high = count_;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (ranges_[middle].start < start) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  bool insert(size_t at, Range range) {
    if (count_ == capacity_ && !grow()) return false;
    memmove(ranges_ + at + 1, ranges_ + at, (count_ - at) * sizeof(Range));
    ranges_[at] = range;
    ++count_;
    return true;
  }

  void erase(size_t at) {
    memmove(ranges_ + at, ranges_ + at + 1, (count_ - at - 1) * sizeof(Range));
    --count_;
  }

  bool grow() {
    const size_t capacity = capacity_ == 0 ? 32 : capacity_ * 2;
    auto* ranges = core::arena_array<Range>(capacity);
    if (ranges == nullptr) return false;
    if (count_ > 0) memcpy(ranges, ranges_, count_ * sizeof(Range));
    core::arena_release(ranges_, capacity_ * sizeof(Range));
    ranges_ = ranges;
    capacity_ = capacity;
    return true;
  }

  core::SpinLock lock_;
  Range* ranges_ = nullptr;
  size_t count_ = 0;
  size_t capacity_ = 0;
};

constinit RangeList pool_ranges;
std::atomic<uint64_t> mapped_bytes, mapped_peak_bytes;
std::atomic<uint64_t> map_count, unmap_count, purges, prewarmed;
std::atomic<RangeObserver> unmap_observer;

uint64_t initial_bytes;

void note_mapped(uintptr_t start, size_t bytes) {
  pool_ranges.add(start, start + bytes);
  map_count.fetch_add(1, std::memory_order_relaxed);
  const uint64_t now = mapped_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  uint64_t peak = mapped_peak_bytes.load(std::memory_order_relaxed);
  while (now > peak && !mapped_peak_bytes.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

void note_unmapped(uintptr_t start, size_t bytes) {
  pool_ranges.remove(start, start + bytes);
  unmap_count.fetch_add(1, std::memory_order_relaxed);
  mapped_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  if (RangeObserver observer = unmap_observer.load(std::memory_order_acquire)) observer(start, bytes);
}

size_t whole_pages(size_t bytes) { return (bytes + 4095) & ~size_t{4095}; }

// The libc's convention for mimalloc: -1 and errno.
long answer(long result) {
  if (!core::failed(result)) return result;
  weir_pool_errno = static_cast<int>(-result);
  return -1;
}
int status(long result) { return static_cast<int>(answer(result)); }

}  // namespace

MemoryCounters memory_counters() {
  return {mapped_bytes.load(std::memory_order_relaxed), mapped_peak_bytes.load(std::memory_order_relaxed),
          map_count.load(std::memory_order_relaxed), unmap_count.load(std::memory_order_relaxed),
          purges.load(std::memory_order_relaxed)};
}

uint64_t reserved_bytes() { return mapped_bytes.load(std::memory_order_relaxed); }

void note_initial_reservation(uint64_t bytes) { initial_bytes = bytes; }
uint64_t initial_reservation() { return initial_bytes; }

void note_prewarmed(uint64_t count) { prewarmed.fetch_add(count, std::memory_order_relaxed); }
uint64_t prewarmed_count() { return prewarmed.load(std::memory_order_relaxed); }

void observe_pool_unmaps(RangeObserver observer) { unmap_observer.store(observer, std::memory_order_release); }
void for_each_pool_range(void (*visit)(void* context, uintptr_t start, size_t bytes), void* context) {
  pool_ranges.for_each(visit, context);
}

void pool_memory_reset_after_fork() { pool_ranges.reset_after_fork(); }

extern "C" {

__thread int weir_pool_errno;

// Without mimalloc's MAP_NORESERVE: a block that is larger than the machine's memory would be had, and its use kill the program, where
// the libc's malloc says that there is none.
void* weir_pool_mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  flags &= ~MAP_NORESERVE;  // guard: no-overcommit
  const long result =
      core::system_call(SYS_mmap, core::as_argument(address), static_cast<long>(bytes), protection, flags, fd, offset);
  if (core::failed(result)) {
    weir_pool_errno = static_cast<int>(-result);
    return MAP_FAILED;
  }
  note_mapped(static_cast<uintptr_t>(result), whole_pages(bytes));
  return reinterpret_cast<void*>(result);
}

int weir_pool_munmap(void* address, size_t bytes) {
  note_unmapped(reinterpret_cast<uintptr_t>(address), whole_pages(bytes));
  return status(core::system_call(SYS_munmap, core::as_argument(address), static_cast<long>(bytes)));
}

// Not every allocator makes this call: a filter may kill for it. What it would give back stays.
int weir_pool_madvise(void* address, size_t bytes, int advice) {
  if (core::system_calls_restricted()) return 0;
  purges.fetch_add(1, std::memory_order_relaxed);
  return status(core::system_call(SYS_madvise, core::as_argument(address), static_cast<long>(bytes), advice));
}

int weir_pool_mprotect(void* address, size_t bytes, int protection) {
  return status(core::system_call(SYS_mprotect, core::as_argument(address), static_cast<long>(bytes), protection));
}

// Probes of the machine, and /dev/urandom: the pool can do without each.
int weir_pool_access(const char* path, int mode) {
  if (core::system_calls_restricted()) return status(-ENOSYS);
  return status(core::system_call(SYS_access, core::as_argument(path), mode));
}
int weir_pool_open(const char* path, int flags) {
  if (core::system_calls_restricted()) return status(-ENOSYS);
  return status(core::system_call(SYS_openat, AT_FDCWD, core::as_argument(path), flags | O_CLOEXEC));
}
ssize_t weir_pool_read(int fd, void* buffer, size_t bytes) { return answer(core::read_file(fd, buffer, bytes)); }
int weir_pool_close(int fd) { return status(core::system_call(SYS_close, fd)); }

// getcpu, getrandom, mbind: the pool can do without each.
long weir_pool_system_call(long number, long a, long b, long c, long d, long e, long f) {
  if (core::system_calls_restricted()) return answer(-ENOSYS);
  return answer(core::system_call(number, a, b, c, d, e, f));
}

int weir_pool_clock_gettime(clockid_t clock, timespec* time) {
  if (core::stopped_cycles.load(std::memory_order_relaxed) == 0) return clock_gettime(clock, time);
  *time = {};
  return core::system_calls_restricted() ? 0
                                         : status(core::system_call(SYS_clock_gettime, clock, core::as_argument(time)));
}

int weir_pool_atexit(void (*)(void)) { return 0; }

}  // extern "C"

}  // namespace weir::pool
