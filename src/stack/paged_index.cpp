#include "stack/paged_index.h"

namespace weir::stack {

bool PagedIndex::begin() {
  if (directory_.load(std::memory_order_relaxed) != 0) [[likely]]
    return true;
  auto* entries = core::arena_array<Entry>(1);
  Page* page = new_page();
  if (entries == nullptr || page == nullptr) return false;
  entries[0].store(page, std::memory_order_relaxed);
  bytes_.store(bytes_.load(std::memory_order_relaxed) + sizeof(Entry), std::memory_order_relaxed);
  directory_.store(reinterpret_cast<uintptr_t>(entries), std::memory_order_release);
  return true;
}

// Where hashes are as they should be, a directory has two to four entries a page.
bool PagedIndex::double_directory() {
  const Directory old(directory_.load(std::memory_order_relaxed));
  if (old.log == kLargestLog || old.size() > 16 * page_count_) return false;
  auto* entries = core::arena_array<Entry>(2 * old.size());
  if (entries == nullptr) return false;
  for (uint64_t i = 0; i < 2 * old.size(); ++i) {
    entries[i].store(old.entries[i / 2].load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  bytes_.store(bytes_.load(std::memory_order_relaxed) + 2 * old.size() * sizeof(Entry), std::memory_order_relaxed);
  directory_.store(reinterpret_cast<uintptr_t>(entries) | uint64_t{old.log + 1} << kLogShift,
                   std::memory_order_release);
  return true;
}

PagedIndex::Page* PagedIndex::new_page() {
  Page* page = spare_;
  if (page != nullptr) {
    spare_ = nullptr;
    for (std::atomic<uint32_t>& slot : page->slots) slot.store(0, std::memory_order_relaxed);
    page->used = 0;
    return page;
  }
  page = core::arena_array<Page>(1);
  if (page == nullptr) return nullptr;
  ++page_count_;
  bytes_.store(bytes_.load(std::memory_order_relaxed) + sizeof(Page), std::memory_order_relaxed);
  return page;
}

}  // namespace weir::stack
