#include "leak/heap_index.h"

#include <algorithm>

#include "track/foreign_table.h"
#include "track/pool_records.h"

namespace weir::leak {
namespace {

using track::PageRecords;

uint32_t rounds;  // of leak checks in this process

HeapBlock as_heap_block(const track::Block& block, uint32_t mark) {
  return {block.address, block.bytes,  mark,
          block.stack,   block.family, block.state == track::BlockState::live_of_loader};
}

}  // namespace

uint32_t HeapIndex::count_in(const PageRecords& page) {
  return std::min(page.block_count, page.records_at_hand.load(std::memory_order_acquire));
}

uint32_t HeapIndex::first_mark_of(const PageRecords& page) { return page.first_mark; }

bool HeapIndex::block_in(const PageRecords& page, uint32_t index, HeapBlock* block) {
  return track::read_live_block(
      page, index, [&](const track::Block& found) { *block = as_heap_block(found, page.first_mark + index); });
}

HeapBlock HeapIndex::foreign_block(size_t index) const {
  return as_heap_block(foreign_[index], first_foreign_mark_ + static_cast<uint32_t>(index));
}

void HeapIndex::note_bounds(uintptr_t start, uintptr_t end) {
  lowest_ = std::min(lowest_, start);
  highest_ = std::max(highest_, end);
}

bool HeapIndex::holds_live_block(const PageRecords& page) {
  const uint32_t count = count_in(page);
  for (uint32_t index = 0; index < count; ++index) {
    if (is_live(track::state_of(record_below(page, index)->word1.load(std::memory_order_acquire)))) return true;
  }
  return false;
}

// Many programs free what they have used: most of their pages need no place.
void HeapIndex::add_page(PageRecords& page) {
  if (!holds_live_block(page)) return;
  if (!pages_.push(&page)) out_of_memory_ = true;
  page.first_mark = mark_count_;
  page.mark_round = round_;
  mark_count_ += page.block_count;
  note_bounds(page.start, page.start + bytes_of(page));
}

void HeapIndex::add_foreign(const track::Block& block) {
  if (!foreign_.push(block)) out_of_memory_ = true;
  note_bounds(block.address, block.address + block.bytes + 1);
}

bool HeapIndex::build() {
  round_ = ++rounds;
  track::for_each_page([](void* self, PageRecords& page) { static_cast<HeapIndex*>(self)->add_page(page); }, this);
  track::foreign_for_each(
      [](void* self, const track::Block& block) { static_cast<HeapIndex*>(self)->add_foreign(block); }, this);
  std::sort(foreign_.begin(), foreign_.end(),
            [](const track::Block& a, const track::Block& b) { return a.address < b.address; });
  first_foreign_mark_ = mark_count_;
  mark_count_ += static_cast<uint32_t>(foreign_.size());
  span_ = highest_ > lowest_ ? highest_ - lowest_ + 1 : 0;
  return !out_of_memory_ && marks_.resize(mark_count_);
}

bool HeapIndex::find_foreign(uintptr_t word, HeapBlock* block) const {
  const track::Block* const above =
      std::upper_bound(foreign_.begin(), foreign_.end(), word,
                       [](uintptr_t address, const track::Block& of) { return address < of.address; });
  if (above == foreign_.begin()) return false;
  const track::Block& below = above[-1];
  if (word - below.address > below.bytes) return false;
  *block = foreign_block(static_cast<size_t>(above - foreign_.begin()) - 1);
  return true;
}

const PageRecords* HeapIndex::fetch_page(uintptr_t word) {
  const PageRecords* page = track::find_page(word);
  if (page == nullptr) return nullptr;
  __builtin_prefetch(page);
  __builtin_prefetch(&page->mark_round);
  return page;
}

bool HeapIndex::locate(uintptr_t word, const PageRecords& page, Place* place) const {
  if (!holds(page, word)) return false;
  if (page.mark_round != round_) return false;  // made since by a thread that could not be stopped
  const uint32_t index = block_index(page, word);
  *place = {&page, index, page.first_mark + index};
  return true;
}

void HeapIndex::fetch(const Place& place) const {
  __builtin_prefetch(&marks_[place.mark]);
  if (place.index < place.page->records_at_hand.load(std::memory_order_relaxed))
    __builtin_prefetch(record_below(*place.page, place.index));
}

bool HeapIndex::read(uintptr_t word, const Place& place, HeapBlock* block) const {
  return block_in(*place.page, place.index, block) && word - block->address <= block->bytes;
}

bool HeapIndex::find(uintptr_t word, HeapBlock* block) const {
  const PageRecords* page = track::find_page(word);
  Place place;
  if (page != nullptr && locate(word, *page, &place)) return read(word, place, block);
  return foreign_.size() != 0 && find_foreign(word, block);
}

uint8_t HeapIndex::mark_of(const track::Block& block) const {
  HeapBlock found;
  return find(block.address, &found) && found.address == block.address ? marks_[found.mark] : 0;
}

}  // namespace weir::leak
