#include "leak/reachability.h"

#include <algorithm>

#include "leak/interior_pointer.h"

namespace weir::leak {
namespace {

constexpr uintptr_t kPageBytes = 4096;

// The marks are classes in the order in which one outweighs the other while the walks go on.
constexpr auto kUnseen = static_cast<uint8_t>(LeakClass::live);
constexpr uint8_t as_mark(LeakClass leak_class) { return static_cast<uint8_t>(leak_class); }
// Possibly lost, while those that are walked from are to be told from those that are not yet.
constexpr uint8_t kWalkedPossible = 0x40 | as_mark(LeakClass::possible);
// What is read before what it led to is walked from: a table of a million pointers does not need a list of a million blocks.
constexpr uintptr_t kSliceBytes = uintptr_t{16} << 10;
constexpr size_t kWalkedAtOnce = 1024;  // blocks, as what they lead to is fetched for many words together

uintptr_t up_to_page(uintptr_t address) { return (address + kPageBytes - 1) & ~(kPageBytes - 1); }
uintptr_t down_to_page(uintptr_t address) { return address & ~(kPageBytes - 1); }
uintptr_t slice_end(uintptr_t start) { return (start / kSliceBytes + 1) * kSliceBytes; }

// The beginning of what is read soon: the processor itself fetches on from there.
void fetch_words(uintptr_t start, uintptr_t end) {
  constexpr uintptr_t kLineBytes = 64, kMostBytes = 8 * kLineBytes;
  end = std::min(end, start + kMostBytes);
  for (uintptr_t line = start; line < end; line += kLineBytes) __builtin_prefetch(reinterpret_cast<const void*>(line));
}

}  // namespace

// ---- Words ----

void Reachability::push(const HeapBlock& block) {
  if (block.bytes < sizeof(uintptr_t)) return;
  push_from(block, block.address);
}

void Reachability::push_from(const HeapBlock& block, uintptr_t from) {
  const bool is_sure = block.bytes < kPageBytes;
  if (!work_.push({from, block.address + block.bytes, driver_.allocated(block.stack), is_sure})) out_of_memory_ = true;
}

void Reachability::push_host_memory(const cuda::Allocation& allocation) {
  if (!DeviceIndex::is_host_memory(allocation)) return;
  const auto start = static_cast<uintptr_t>(allocation.key);
  if (!work_.push({start, start + allocation.bytes, false, false})) out_of_memory_ = true;
}

// True where what is marked is to be walked from.
bool Reachability::raise(uint8_t& mark, bool by_start) {
  const LeakClass found = by_start ? found_ : LeakClass::possible;
  if (mark == kUnseen || (mark == as_mark(LeakClass::possible) && found == LeakClass::reachable)) {
    mark = found_ == LeakClass::possible ? kWalkedPossible : as_mark(found);
    return found == found_;
  }
  return false;
}

// A lost block leads to this one.
void Reachability::lose(uint8_t& mark, const HeapBlock& block) {
  if (mark != kUnseen) return;
  mark = as_mark(LeakClass::indirect);
  ++leader_.indirect_count;
  leader_.indirect_bytes += block.bytes;
  push(block);
}

void Reachability::visit_device(size_t place, uintptr_t word) {
  const cuda::Allocation& allocation = devices_[place];
  uint8_t& mark = devices_.mark(place);
  if (found_ == LeakClass::indirect) {
    if (mark == kUnseen) mark = as_mark(LeakClass::indirect);
    return;
  }
  if (raise(mark, word == allocation.key)) push_host_memory(allocation);
}

// Whether a walk changes nothing of a block with that mark any more.
bool Reachability::is_settled(uint8_t mark) const {
  if (found_ == LeakClass::reachable) return mark == as_mark(LeakClass::reachable);
  return mark != kUnseen;
}

// A word that may be a pointer: what is known of most blocks comes from memory, which takes as long as a hundred words.
void Reachability::await(uintptr_t word) {
  const track::PageRecords* page = heap_.may_hold(word) ? HeapIndex::fetch_page(word) : nullptr;
  if (page == nullptr) return visit(word);
  if (awaited_end_ - awaited_first_ == kMostAwaited) visit_awaited();
  awaited_[awaited_end_++ % kMostAwaited] = {word, {page, 0, 0}};
  if (awaited_end_ - awaited_located_ > kPagesAwaited) locate_awaited();
}

void Reachability::locate_awaited() {
  Awaited& awaited = awaited_[awaited_located_++ % kMostAwaited];
  if (heap_.locate(awaited.word, *awaited.place.page, &awaited.place)) {
    heap_.fetch(awaited.place);
  } else {
    awaited.place.page = nullptr;
  }
}

// The one that was asked for first.
void Reachability::visit_awaited() {
  if (awaited_located_ == awaited_first_) locate_awaited();
  const Awaited& awaited = awaited_[awaited_first_++ % kMostAwaited];
  if (awaited.place.page == nullptr) return visit(awaited.word);
  HeapBlock block;
  if (is_settled(heap_.mark(awaited.place.mark))) return;
  if (heap_.read(awaited.word, awaited.place, &block)) visit_block(awaited.word, block);
}

void Reachability::visit_block(uintptr_t word, const HeapBlock& block) {
  const bool by_start = is_as_good_as_start(word, block, map_, objects_);
  if (word == block.address + block.bytes && block.bytes != 0 && !by_start) return;  // the end is not the block's
  uint8_t& mark = heap_.mark(block.mark);
  if (found_ == LeakClass::indirect) {
    lose(mark, block);
  } else if (raise(mark, by_start)) {
    push(block);
  }
}

void Reachability::visit(uintptr_t word) {
  HeapBlock block;
  size_t place = 0;
  if (heap_.may_hold(word) && heap_.find(word, &block)) {
    visit_block(word, block);
  } else if (!is_of_driver_ && devices_.may_hold(word) && devices_.find(word, &place)) {
    visit_device(place, word);
  }
}

// What one of CPython's integers has for its value may be an address too.
void Reachability::await_integer(const uintptr_t* digits, const uintptr_t* floor) {
  const uintptr_t address = integers_.address_at(digits, floor);
  if (address != 0 && (heap_.may_hold(address) || devices_.may_hold(address))) await(address);  // guard: python-integer
}

// Returns where fewer than four words are left.
template <bool kHasIntegers>
const uintptr_t* Reachability::scan_by_four(const uintptr_t* word, const uintptr_t* end, const uintptr_t* floor) {
  for (; end - word >= 4; word += 4) {
    if (kHasIntegers && integer_filter_.may_hold_any(word)) {
      for (int i = 0; i < 4; ++i) await_integer(word + i, floor);
    }
    if (!filter_.may_hold_any(word)) continue;
    for (int i = 0; i < 4; ++i) {
      if (heap_.may_hold(word[i])) await(word[i]);
    }
  }
  return word;
}

// floor: what lies between there and `start` is the same memory's, and may be read.
void Reachability::scan(uintptr_t start, uintptr_t end, uintptr_t floor) {
  const auto* word = reinterpret_cast<const uintptr_t*>((start + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1));
  const auto* const last = reinterpret_cast<const uintptr_t*>(end & ~(sizeof(uintptr_t) - 1));
  const auto* const first =
      reinterpret_cast<const uintptr_t*>((floor + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1));
  if (word >= last) return;
  scanned_bytes_ += static_cast<uint64_t>(last - word) * sizeof(uintptr_t);
  const bool has_integers = integers_.exist();
  if (devices_.empty() || is_of_driver_)
    word = has_integers ? scan_by_four<true>(word, last, first) : scan_by_four<false>(word, last, first);
  for (; word != last; ++word) {
    if (has_integers) await_integer(word, first);
    if (heap_.may_hold(*word) || devices_.may_hold(*word)) await(*word);
  }
}

// ---- Ranges ----

// The first and last pages of a range are there: somebody has the words that are asked for.
template <class Visit>
void Reachability::for_each_present(uintptr_t start, uintptr_t end, const Visit& visit) {
  uintptr_t from = down_to_page(start), run_start = 0, run_end = 0;
  while (pages_.next(from, up_to_page(end), &run_start, &run_end)) {
    visit(std::max(start, run_start), std::min(end, run_end));
    from = run_end;
  }
}

template <class Visit>
void Reachability::for_each_readable(uintptr_t start, uintptr_t end, const Visit& visit) {
  while (start < end) {
    const Area* area = map_.find(start);
    if (area == nullptr) {
      start = down_to_page(start) + kPageBytes;  // the program unmapped what it had allocated
      continue;
    }
    const uintptr_t area_end = std::min(end, area->end);
    if (area->readable && area->kind != AreaKind::special) for_each_present(start, area_end, visit);
    start = area_end;
  }
}

// Of a block, or a slice of one.
void Reachability::scan_block(uintptr_t start, uintptr_t end) {
  const Area* area = map_.find(start);
  if (area != nullptr && area->readable && area->kind != AreaKind::special && end <= area->end) {
    scan(start, end, start);
  } else {
    for_each_readable(start, end, [this](uintptr_t from, uintptr_t until) { scan(from, until, from); });
  }
}

// ---- Walks ----

void Reachability::walk() {
  while (!out_of_memory_) {
    fetch_pieces();
    if (fetched_first_ == fetched_end_) {
      if (awaited_first_ == awaited_end_) return;
      visit_awaited();
      continue;
    }
    const Piece piece = fetched_[fetched_first_++ % kMostFetched];
    if (must_ask(piece)) {
      push_present(piece);
      continue;
    }
    is_of_driver_ = piece.of_driver;
    piece.is_sure ? scan(piece.start, piece.end, piece.start) : scan_block(piece.start, piece.end);
    is_of_driver_ = false;
  }
}

// So that the words of a piece come from memory while those before it are read.
void Reachability::fetch_pieces() {
  while (work_.size() != 0 && fetched_end_ - fetched_first_ < kMostFetched) {
    const Piece piece = take_piece();
    fetch_words(piece.start, piece.end);
    fetched_[fetched_end_++ % kMostFetched] = piece;
  }
}

// The latest piece, or a slice of it. Of a large block's whole it is asked first where it is in memory.
Reachability::Piece Reachability::take_piece() {
  Piece& last = work_[work_.size() - 1];
  Piece piece = last;
  const uintptr_t until = slice_end(piece.start);
  if (until >= piece.end || must_ask(piece)) {
    work_.resize(work_.size() - 1);
  } else {
    last.start = piece.end = until;
  }
  return piece;
}

void Reachability::push_present(const Piece& piece) {
  for_each_readable(piece.start, piece.end, [&](uintptr_t from, uintptr_t until) {
    if (!work_.push({from, until, piece.of_driver, true})) out_of_memory_ = true;
  });
}

void Reachability::walk_from_run(uintptr_t start, uintptr_t end, bool of_driver) {
  const uintptr_t floor = start;
  while (start < end) {
    const uintptr_t until = std::min(end, slice_end(start));
    is_of_driver_ = of_driver;
    scan(start, until, floor);
    is_of_driver_ = false;
    walk();
    start = until;
  }
}

void Reachability::add_root(uintptr_t start, uintptr_t end) {
  while (start < end) {
    bool of_driver = false;
    const uintptr_t part_end = driver_.part_of(start, end, &of_driver);
    for_each_present(start, part_end, [&](uintptr_t from, uintptr_t until) { walk_from_run(from, until, of_driver); });
    start = part_end;
  }
}

void Reachability::add_root_words(const uint64_t* words, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (heap_.may_hold(words[i]) || devices_.may_hold(words[i])) visit(words[i]);
  }
  walk();
}

void Reachability::add_held(const HeapBlock& block, uintptr_t from) {
  heap_.mark(block.mark) = as_mark(LeakClass::reachable);
  if (from > block.address && from < block.address + block.bytes) {
    push_from(block, from);
  } else {
    push(block);
  }
  walk();
}

// From the blocks that only a pointer into their middle leads to.
void Reachability::walk_possible() {
  found_ = LeakClass::possible;
  heap_.for_each_marked(as_mark(LeakClass::possible), [this](const HeapBlock& block) {
    heap_.mark(block.mark) = kWalkedPossible;
    push(block);
    if (work_.size() >= kWalkedAtOnce) walk();
  });
  for (size_t place = 0; place < devices_.size(); ++place) {
    if (devices_.mark(place) == as_mark(LeakClass::possible)) push_host_memory(devices_[place]);
  }
  walk();
  heap_.change_marks(kWalkedPossible, as_mark(LeakClass::possible));
  for (size_t place = 0; place < devices_.size(); ++place) {
    uint8_t& mark = devices_.mark(place);
    if (mark == kWalkedPossible) mark = as_mark(LeakClass::possible);
  }
}

// Marks what hangs from a lost block that no walk has met.
void Reachability::walk_from_leader(const HeapBlock& block) {
  heap_.mark(block.mark) = as_mark(LeakClass::definite);
  leader_ = {block.mark, 0, 0};
  push(block);
  walk();
}

// Page-locked memory that nothing holds leads to host blocks, which then are no leaders.
void Reachability::walk_from_lost_pinned() {
  for (size_t place = 0; place < devices_.size(); ++place) {
    if (devices_.mark(place) == kUnseen) push_host_memory(devices_[place]);
  }
  walk();
}

void Reachability::forget_lost() {
  heap_.change_marks(as_mark(LeakClass::definite), kUnseen);
  heap_.change_marks(as_mark(LeakClass::indirect), kUnseen);
}

// Twice. The first time in any order: no block that is walked from is met by a walk before its own. So of those blocks the last is led to by
// none that it does not lead to itself; then, of those that its walk does not meet, the last; and so on: the second time in reverse order.
void Reachability::walk_lost() {
  found_ = LeakClass::indirect;
  core::ScratchArray<HeapBlock> candidates;
  walk_from_lost_pinned();
  heap_.for_each_marked(kUnseen, [&](const HeapBlock& block) {
    if (out_of_memory_) return;
    walk_from_leader(block);
    if (!candidates.push(block)) out_of_memory_ = true;
  });
  forget_lost();
  walk_from_lost_pinned();
  for (size_t i = candidates.size(); i-- > 0 && !out_of_memory_;) {  // guard: leaders
    if (heap_.mark(candidates[i].mark) != kUnseen) continue;
    walk_from_leader(candidates[i]);
    if (!leaders_.push(leader_)) out_of_memory_ = true;
  }
  std::reverse(leaders_.begin(), leaders_.end());
}

// Physical memory lives by its mappings too. What is left is lost, unless device memory that is in use, which nobody can read here, could
// hold its address.
void Reachability::judge_devices() {
  bool may_be_hidden = false;
  for (size_t place = 0; place < devices_.size(); ++place) {
    const cuda::Allocation& allocation = devices_[place];
    const uint8_t mark = devices_.mark(place);
    const bool is_in_use = mark == as_mark(LeakClass::reachable) || mark == as_mark(LeakClass::possible);
    may_be_hidden = may_be_hidden || (is_in_use && DeviceIndex::may_hide_addresses(allocation));
    size_t handle = 0;
    if (is_in_use && allocation.kind == cuda::Kind::mapping && devices_.find(allocation.owner, &handle) &&
        devices_.mark(handle) == kUnseen) {
      devices_.mark(handle) = mark;
    }
  }
  for (size_t place = 0; place < devices_.size(); ++place) {
    uint8_t& mark = devices_.mark(place);
    if (mark == kUnseen)
      mark = may_be_hidden ? as_mark(LeakClass::possible) | kHiddenOnDevice : as_mark(LeakClass::definite);
  }
}

void Reachability::finish() {
  walk_possible();
  walk_lost();
  judge_devices();
}

void Reachability::finish_in_doubt() {
  walk_possible();
  heap_.for_each_marked(kUnseen,
                        [this](const HeapBlock& block) { heap_.mark(block.mark) = as_mark(LeakClass::possible); });
  for (size_t place = 0; place < devices_.size(); ++place) {
    if (devices_.mark(place) == kUnseen) devices_.mark(place) = as_mark(LeakClass::possible);
  }
}

}  // namespace weir::leak
