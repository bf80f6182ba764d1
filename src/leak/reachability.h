// Which blocks a pointer is at hand to: a walk of all memory from the roots on, word by word.
//
// Each word is taken for a pointer if it could be one. A block found by its start is reachable; one found by its middle only, or only from
// such blocks, is possibly lost. What no walk has found is lost: definitely, where nothing else that is lost leads to it, or it is the
// leader of blocks that lead to each other, to which nothing else does; indirectly otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/scratch.h"
#include "leak/device_index.h"
#include "leak/driver_memory.h"
#include "leak/heap_index.h"
#include "leak/leak_class.h"
#include "leak/memory_map.h"
#include "leak/present_pages.h"
#include "leak/python_integers.h"
#include "leak/python_library.h"
#include "leak/python_objects.h"
#include "leak/word_filter.h"

namespace weir::leak {

// A lost block that no other lost block leads to, but through itself, and what it leads to.
struct Leader {
  uint32_t mark;
  uint64_t indirect_bytes, indirect_count;
};

class Reachability {
 public:
  Reachability(HeapIndex& heap, DeviceIndex& devices, DriverMemory& driver, const MemoryMap& map, PresentPages& pages)
      : heap_(heap),
        devices_(devices),
        driver_(driver),
        map_(map),
        pages_(pages),
        filter_(heap.lowest(), heap.highest()),
        integer_filter_(PythonIntegers::as_digits(heap.lowest()), PythonIntegers::as_digits(heap.highest())),
        python_(find_python_library(map)),
        integers_(python_),
        objects_(python_, heap, map) {}

  // First, before the roots are gathered: takes what memory the walks may need, which costs nothing until it is touched. Where there is
  // less it is taken as needed, and may then lie where the memory map saw a root.
  void prepare() { work_.reserve(heap_.mark_count() + devices_.size()); }

  // A range of readable memory whose words are the program's own: whole words only. Only pages that hold something are read.
  void add_root(uintptr_t start, uintptr_t end);
  // Words that lie anywhere, such as registers.
  void add_root_words(const uint64_t* words, size_t count);
  // A block that is held by what is not memory, with all that it leads to; from `from` on, where that lies in it.
  void add_held(const HeapBlock& block, uintptr_t from);

  // After the roots: classifies what they left.
  void finish();
  // Instead of calling what is left lost: a root could not be read.
  void finish_in_doubt();

  // False where working memory ran out: the marks are of no use.
  bool ok() const { return !out_of_memory_; }
  uint64_t scanned_bytes() const { return scanned_bytes_; }
  const core::ScratchArray<Leader>& leaders() const { return leaders_; }  // by ascending mark
  // Of a device's block that is possibly lost: only because device memory, which cannot be read, may hold its address.
  static constexpr uint8_t kHiddenOnDevice = 0x80;

 private:
  struct Piece {
    uintptr_t start, end;
    bool of_driver;
    bool
        is_sure;  // needs no question whether it is in memory and may be read: of a block below a page, or it was asked already
  };
  // Words whose blocks' pages, then records, are on their way from memory. place.page: nullptr where there is no block.
  struct Awaited {
    uintptr_t word;
    HeapIndex::Place place;
  };
  static constexpr size_t kMostAwaited = 64;  // a power of two
  static constexpr size_t kPagesAwaited = 16;
  static constexpr size_t kMostFetched = 4;  // a power of two

  // Whether it is to be asked first which of its pages are there.
  bool must_ask(const Piece& piece) const { return !piece.is_sure && piece.end - piece.start >= least_asked_; }
  void scan(uintptr_t start, uintptr_t end, uintptr_t floor);
  template <bool kHasIntegers>
  const uintptr_t* scan_by_four(const uintptr_t* word, const uintptr_t* end, const uintptr_t* floor);
  void await_integer(const uintptr_t* digits, const uintptr_t* floor);
  template <class Visit>
  void for_each_present(uintptr_t start, uintptr_t end, const Visit& visit);
  template <class Visit>
  void for_each_readable(uintptr_t start, uintptr_t end, const Visit& visit);
  void scan_block(uintptr_t start, uintptr_t end);
  void await(uintptr_t word);
  void locate_awaited();
  void visit_awaited();
  bool is_settled(uint8_t mark) const;
  void visit(uintptr_t word);
  void visit_block(uintptr_t word, const HeapBlock& block);
  void visit_device(size_t place, uintptr_t word);
  bool raise(uint8_t& mark, bool by_start);
  void lose(uint8_t& mark, const HeapBlock& block);
  void push(const HeapBlock& block);
  void push_from(const HeapBlock& block, uintptr_t from);
  void push_host_memory(const cuda::Allocation& allocation);
  void walk();
  void fetch_pieces();
  Piece take_piece();
  void push_present(const Piece& piece);
  void walk_from_run(uintptr_t start, uintptr_t end, bool of_driver);
  void walk_possible();
  void walk_lost();
  void walk_from_lost_pinned();
  void walk_from_leader(const HeapBlock& block);
  void forget_lost();
  void judge_devices();

  HeapIndex& heap_;
  DeviceIndex& devices_;
  DriverMemory& driver_;
  const MemoryMap& map_;
  PresentPages& pages_;
  const WordFilter filter_;          // of addresses of host blocks
  const WordFilter integer_filter_;  // of the same as the digits of integers
  const PythonLibrary python_;
  const PythonIntegers integers_;
  PythonObjects objects_;
  core::ScratchArray<Piece> work_;
  core::ScratchArray<Leader> leaders_;
  Piece fetched_[kMostFetched];                 // the next ones to be read
  size_t fetched_first_ = 0, fetched_end_ = 0;  // counted on for ever
  Awaited awaited_[kMostAwaited];
  size_t awaited_first_ = 0, awaited_located_ = 0, awaited_end_ = 0;  // counted on for ever
  LeakClass found_ = LeakClass::reachable;                            // what a walk finds by the start of a block
  Leader leader_{};                                                   // of the lost blocks that are walked from
  bool is_of_driver_ = false;                                         // what is read: it holds nothing of the device's
  uint64_t scanned_bytes_ = 0;
  // A block that large may be mostly untouched, and one of a page's size may have a guard region in it.
  const size_t least_asked_ = may_have_guard_regions() ? size_t{4} << 10 : size_t{256} << 10;  // guard: guarded-block
  bool out_of_memory_ = false;
};

}  // namespace weir::leak
