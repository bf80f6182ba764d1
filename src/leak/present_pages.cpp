#include "leak/present_pages.h"

#include <errno.h>
#include <fcntl.h>

#include <atomic>

#include "core/file_text.h"
#include "core/system_call.h"

namespace weir::leak {
namespace {

constexpr int kPageShift = 12;
constexpr size_t kEntriesRead = 2048;   // of 8 MiB of memory
constexpr size_t kEntriesAsked = 1024;  // of mincore, a byte each, in what is left
constexpr size_t kStatusBytes = 2048;
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kPresentOrSwapped = uint64_t{3} << 62;
constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, since Linux 5.14

// What is mapped for reading and not in memory may be a guard of the program's, or of the libc's below a stack (MADV_GUARD_INSTALL, since
// Linux 6.13), or one that the machine has lost. The page is brought in, as by reading it. True where the kernel does not know.
bool can_be_read(uintptr_t page) {
  const long result =
      core::system_call(SYS_madvise, static_cast<long>(page << kPageShift), 1 << kPageShift, kPopulateRead);
  return result != -EFAULT && result != -EHWPOISON;
}

std::atomic<bool> guard_regions_made{false};

}  // namespace

void note_guard_region() { guard_regions_made.store(true, std::memory_order_relaxed); }
bool may_have_guard_regions() { return guard_regions_made.load(std::memory_order_relaxed); }

void PresentPages::close() {
  if (fd_ >= 0) core::close_file(fd_);
  fd_ = -1;
  entries_.release();
}

bool PresentPages::open() {
  if (!entries_.resize(kEntriesRead)) return false;
  fd_ = core::open_file("/proc/thread-self/pagemap", O_RDONLY);
  if (fd_ < 0) {  // of a process that has changed its user
    auto* const status = reinterpret_cast<char*>(entries_.begin());
    uint64_t swapped_bytes = 0;
    core::read_whole("/proc/thread-self/status", status, kStatusBytes);
    has_swap_ = !core::status_bytes(status, "VmSwap", &swapped_bytes) || swapped_bytes != 0;
  }
  return true;
}

size_t PresentPages::read_pagemap(uintptr_t page) {
  const long count = core::system_call(SYS_pread64, fd_, core::as_argument(entries_.begin()),
                                       kEntriesRead * sizeof(uint64_t), static_cast<long>(page * sizeof(uint64_t)));
  return count > 0 ? static_cast<size_t>(count) / sizeof(uint64_t) : 0;
}

// Of a range in which something is not mapped the kernel refuses to tell: each page is then asked for.
size_t PresentPages::ask_by_mincore(uintptr_t page) {
  auto* const in_memory =
      reinterpret_cast<unsigned char*>(entries_.begin() + kEntriesAsked);  // the stack may be a small one
  const auto ask = [&](uintptr_t first, size_t count) {
    return !core::failed(core::system_call(SYS_mincore, static_cast<long>(first << kPageShift),
                                           static_cast<long>(count << kPageShift), core::as_argument(in_memory)));
  };
  const bool is_whole = ask(page, kEntriesAsked);
  for (size_t i = 0; i < kEntriesAsked; ++i) {
    const bool is_mapped = is_whole || ask(page + i, 1);
    const bool is_there = is_mapped && (has_swap_ || (in_memory[is_whole ? i : 0] & 1) != 0);
    entries_[i] = is_there ? kPresentOrSwapped & ~kPresent : 0;
  }
  return kEntriesAsked;
}

bool PresentPages::load(uintptr_t page) {
  first_page_ = page;
  entry_count_ = fd_ >= 0 ? read_pagemap(page) : ask_by_mincore(page);
  return entry_count_ > 0;
}

bool PresentPages::is_present(uintptr_t page) {
  if (page - first_page_ >= entry_count_ && !load(page)) return false;
  uint64_t& entry = entries_[page - first_page_];
  if ((entry & kPresentOrSwapped) == 0) return false;
  if ((entry & kPresent) == 0) entry = can_be_read(page) ? kPresent : 0;  // guard: guarded-page
  return entry != 0;
}

bool PresentPages::next(uintptr_t from, uintptr_t end, uintptr_t* run_start, uintptr_t* run_end) {
  uintptr_t page = from >> kPageShift;
  const uintptr_t end_page = end >> kPageShift;
  while (page < end_page && !is_present(page)) ++page;
  if (page >= end_page) return false;
  *run_start = page << kPageShift;
  while (page < end_page && is_present(page)) ++page;
  *run_end = page << kPageShift;
  return true;
}

}  // namespace weir::leak
