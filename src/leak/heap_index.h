// The live host blocks of one moment, by address, each with a mark. Other threads are stopped while it is used, but for reading marks of
// blocks that were live then.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/scratch.h"
#include "track/live_set.h"

namespace weir::track {
struct PageRecords;
}

namespace weir::leak {

struct HeapBlock {
  uintptr_t address;
  size_t bytes;
  uint32_t mark;  // its place among the marks
  core::StackId stack;
  track::Family family;
  bool is_of_loader;
};

class HeapIndex {
 public:
  // Reads the live set. False where working memory is out.
  bool build();

  // Whether `word` can be the address of a block, or of a byte of one; most words cannot. Cost: one subtraction and a compare.
  bool may_hold(uintptr_t word) const { return word - lowest_ < span_; }

  uintptr_t lowest() const { return lowest_; }
  uintptr_t highest() const { return lowest_ + span_; }

  // The live block whose bytes, or whose end, the address is.
  bool find(uintptr_t word, HeapBlock* block) const;

  // The same in three steps, for many words: the page of the pool's at the address (nullptr: none), the block in it that would hold the
  // address, and what is there. Between the steps what the next one reads comes from memory.
  struct Place {
    const track::PageRecords* page;
    uint32_t index;
    uint32_t mark;
  };
  static const track::PageRecords* fetch_page(uintptr_t word);
  bool locate(uintptr_t word, const track::PageRecords& page, Place* place) const;
  void fetch(const Place& place) const;
  bool read(uintptr_t word, const Place& place, HeapBlock* block) const;

  uint8_t& mark(uint32_t place) { return marks_[place]; }
  uint8_t mark(uint32_t place) const { return marks_[place]; }
  // The mark of a block that is live now; 0 where it was not yet when the index was built.
  uint8_t mark_of(const track::Block& block) const;

  // Calls visit(const HeapBlock&) for each live block whose mark is `wanted` when it comes to it, in ascending order of their marks.
  template <class Visit>
  void for_each_marked(uint8_t wanted, const Visit& visit) const {
    for (size_t i = 0; i < pages_.size(); ++i) visit_page(*pages_[i], wanted, visit);
    for (size_t i = 0; i < foreign_.size(); ++i) {
      if (marks_[first_foreign_mark_ + i] == wanted) visit(foreign_block(i));
    }
  }

  // All marks from one to another.
  void change_marks(uint8_t from, uint8_t to) { std::replace(marks_.begin(), marks_.end(), from, to); }

  // Blocks of other allocators, by ascending address: their memory is not the pool's.
  uint32_t mark_count() const { return mark_count_; }  // places for blocks, not all of them taken
  size_t foreign_count() const { return foreign_.size(); }
  HeapBlock foreign_block(size_t index) const;

 private:
  // Of most blocks a walk over all of them needs the mark alone.
  template <class Visit>
  void visit_page(const track::PageRecords& page, uint8_t wanted, const Visit& visit) const {
    const uint8_t* const marks = &marks_[first_mark_of(page)];
    const uint32_t count = count_in(page);
    HeapBlock block;
    for (uint32_t index = 0; index < count; ++index) {
      if (marks[index] == wanted && block_in(page, index, &block)) visit(block);
    }
  }

  static uint32_t first_mark_of(const track::PageRecords& page);
  static uint32_t count_in(const track::PageRecords& page);
  static bool holds_live_block(const track::PageRecords& page);
  static bool block_in(const track::PageRecords& page, uint32_t index, HeapBlock* block);
  void add_page(track::PageRecords& page);
  void add_foreign(const track::Block& block);
  void note_bounds(uintptr_t start, uintptr_t end);
  bool find_foreign(uintptr_t word, HeapBlock* block) const;

  core::ScratchArray<track::PageRecords*> pages_;  // that hold a live block
  core::ScratchArray<track::Block> foreign_;
  core::ScratchArray<uint8_t> marks_;
  uint32_t first_foreign_mark_ = 0;
  uint32_t mark_count_ = 0;
  uint32_t round_ = 0;
  uintptr_t lowest_ = UINTPTR_MAX, highest_ = 0;
  uintptr_t span_ = 0;
  bool out_of_memory_ = false;
};

}  // namespace weir::leak
