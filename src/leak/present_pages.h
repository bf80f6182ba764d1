// Which pages of a range hold anything: what was never touched is not read, which would cost memory, and beyond a file's end the process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/scratch.h"

namespace weir::leak {

// Once the program has made a guard region (MADV_GUARD_INSTALL), which may lie in a block of any pages' size. Any thread.
void note_guard_region();
bool may_have_guard_regions();

class PresentPages {
 public:
  PresentPages() = default;
  ~PresentPages() { close(); }
  PresentPages(const PresentPages&) = delete;
  PresentPages& operator=(const PresentPages&) = delete;

  // False where working memory is out.
  bool open();
  void close();

  // The first run of pages, from `from` on and below `end`, that are in memory or swapped out; false where there is none. Both whole pages.
  bool next(uintptr_t from, uintptr_t end, uintptr_t* run_start, uintptr_t* run_end);

 private:
  bool is_present(uintptr_t page);
  bool load(uintptr_t page);
  size_t read_pagemap(uintptr_t page);
  size_t ask_by_mincore(uintptr_t page);

  int fd_ = -1;                           // of pagemap; below 0: it cannot be opened
  bool has_swap_ = true;                  // without pagemap what is swapped out cannot be told from what is not there
  core::ScratchArray<uint64_t> entries_;  // of pagemap, from first_page_ on
  uintptr_t first_page_ = 0;
  size_t entry_count_ = 0;
};

}  // namespace weir::leak
