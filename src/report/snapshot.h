// What the report says of blocks and stacks, gathered from the live set and the counters per stack. Memory is bounded
// by distinct stacks (and threads per stack), never by events or blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ids.h"
#include "core/scratch.h"
#include "leak/leak_class.h"
#include "track/mapping_table.h"
#include "track/record.h"
#include "track/sampling.h"
#include "track/stack_counters.h"

namespace weir::leak {
class Classification;
}

namespace weir::report {

enum class Memory : uint8_t { host, mmap };
const char* memory_name(Memory memory);

// The function that supplied a block, as the report names it.
enum class Supplier : uint8_t { malloc, scalar_new, array_new, mmap, shmat };
const char* supplier_name(Supplier supplier);
Supplier supplier_of(track::Family family);

// What a report says of one block beside its stack and memory.
struct SampledBlock {
  uintptr_t address;
  uint64_t bytes;
  uint64_t tick;
  core::ThreadId thread;
  Supplier supplier;
  uint8_t align_log2;  // 0: the natural alignment
};

struct Sample : SampledBlock {
  core::StackId stack;
  Memory memory;
  leak::LeakClass leak_class;
  bool is_piece;         // of a mapping that has been counted: more of its bytes, not one more mapping
  track::Weight weight;  // what it stands for
};

// A leak's samples lie among those of others: most leaks have one.
struct KeptSample {
  SampledBlock block;
  uint32_t next;  // place of the leak's next + 1; 0: none
};

inline constexpr size_t kMaxSamples = 3;
inline constexpr size_t kMaxThreads = 8;

// What is still allocated by one stack in one kind of memory, of one class. One cache line: every live block touches one.
struct alignas(64) Leak {
  core::StackId stack;
  Memory memory;
  leak::LeakClass leak_class;
  uint8_t sample_count;
  uint32_t thread_count;       // distinct threads
  core::ThreadId last_thread;  // of the block added last
  uint64_t bytes;
  uint64_t count;
  uint64_t first_tick, last_tick;
  uint64_t drawn_count;  // blocks that bytes and count are estimated from, where the process samples
  uint32_t samples;      // place of the first in the list of KeptSamples + 1
  uint32_t threads;      // place in the list of LeakThreads + 1; 0: last_thread is the only one
};

// What only the lost blocks of a leak lead to.
struct HangingBlocks {
  uint64_t bytes;
  uint64_t count;
};

// The first threads met of a leak that has several.
struct LeakThreads {
  core::ThreadId ids[kMaxThreads];
};

// A stack's part of the process's peak.
struct PeakPart {
  core::StackId stack;
  uint64_t bytes;
  uint64_t count;
};

// A stack's counters as they were read; other threads may go on counting.
struct HotSite {
  core::StackId stack;
  uint64_t alloc_count, alloc_bytes;
  uint64_t temporary_count;
  uint64_t live_count, live_bytes;
  uint64_t peak_bytes;  // this stack's own highest
};

inline constexpr size_t kHotSites = 200;  // by each of two orders
inline constexpr size_t kMaxLarge = 10'000;
inline constexpr size_t kMaxPeakParts = 10'000;

// What is not listed of the peak, summed up: the smallest parts.
struct PeakRest {
  uint64_t stack_count = 0;
  uint64_t bytes = 0;
  uint64_t count = 0;  // blocks
};

// (stack, thread) pairs beyond the list in a Leak: a hash set without removal.
class PairSet {
 public:
  // True where the pair is new. Without memory pairs are no longer told apart: false.
  bool insert(uint64_t pair);

 private:
  bool grow();
  void put(uint64_t pair);
  size_t place_of(uint64_t pair) const;

  core::ScratchArray<uint64_t> slots_;  // 0: free
  size_t used_ = 0;
};

class Snapshot {
 public:
  // Reads everything once. Blocks of ticks before `ignore_before_tick` are what a forked child had from its parent, and others were
  // allocated while recording was off (track/recording.h): counted, not listed. classes: of the blocks; nullptr: they are `live`. False
  // where working memory ran out.
  bool take(uint64_t ignore_before_tick, uint64_t large_bytes, const leak::Classification* classes = nullptr);

  size_t leak_count() const { return leaks_.size(); }
  const Leak& leak(size_t rank) const { return leaks_[leak_order_[rank].index]; }  // most bytes first
  // Visits the samples of a leak, in the order in which they were met.
  template <class Visit>
  void for_each_sample(const Leak& leak, const Visit& visit) const {
    for (uint32_t place = leak.samples; place != 0; place = samples_[place - 1].next) visit(samples_[place - 1].block);
  }
  // Of a leak that is definitely lost.
  HangingBlocks hanging_from(const Leak& leak) const;
  // The first kMaxThreads threads of a leak.
  std::span<const core::ThreadId> threads_of(const Leak& leak) const;
  const core::ScratchArray<PeakPart>& peak() const { return peak_; }  // most bytes first, at most kMaxPeakParts
  const PeakRest& peak_rest() const { return peak_rest_; }
  const core::ScratchArray<HotSite>& hot_sites() const { return hot_sites_; }  // most temporary allocations first
  const core::ScratchArray<Sample>& large() const { return large_; }           // largest first
  uint64_t large_left_out_count() const { return large_left_out_count_; }
  uint64_t inherited_count() const { return inherited_count_; }
  uint64_t inherited_bytes() const { return inherited_bytes_; }
  uint64_t unrecorded_count() const { return unrecorded_count_; }
  uint64_t unrecorded_bytes() const { return unrecorded_bytes_; }
  uint64_t ignored_count() const { return ignored_count_; }  // of what is listed, blocks that the program excused

 private:
  static constexpr size_t kIndexes = leak::kLeakClasses + 1;  // of the host by class, of mappings

  void add(const Sample& sample);
  void add_block(const track::Block& block);
  void add_hanging(size_t index, const HangingBlocks& blocks);
  void add_large(const Sample& sample);
  void keep_sample(Leak& leak, const SampledBlock& block);
  void add_thread(size_t index, core::ThreadId thread);
  bool find_leak(const Sample& sample, size_t* index);
  void gather_blocks();
  void gather_mappings();
  void gather_counters();
  void add_to_peak(core::StackId stack, track::AtPeak at_peak);
  void sum_up_rest_of_peak();
  void order_leaks();
  void sort_all();

  uint64_t ignore_before_tick_ = 0;
  uint64_t large_bytes_ = UINT64_MAX;
  const leak::Classification* classes_ = nullptr;
  size_t last_index_ = 0;  // of the leak that was added to last
  bool out_of_memory_ = false;
  core::ScratchArray<uint32_t> leak_index_[kIndexes];  // while gathering, by stack: index into leaks_ + 1
  struct LeakPlace {
    uint64_t bytes;
    uint32_t index;
  };
  core::ScratchArray<Leak> leaks_;  // in order of first sight
  core::ScratchArray<KeptSample> samples_;
  core::ScratchArray<HangingBlocks> hanging_;  // by the place of a leak, as far as one has any
  core::ScratchArray<LeakThreads> threads_;
  core::ScratchArray<LeakPlace> leak_order_;  // leaks are too large to be moved about
  core::ScratchArray<PeakPart> peak_;         // while gathering, up to twice as many as are listed
  PeakRest peak_rest_;
  core::ScratchArray<HotSite> hot_sites_;
  core::ScratchArray<Sample> large_;  // while gathering, a heap with the smallest first
  PairSet more_threads_;
  uint64_t large_left_out_count_ = 0;
  uint64_t inherited_count_ = 0;
  uint64_t inherited_bytes_ = 0;
  uint64_t unrecorded_count_ = 0;
  uint64_t unrecorded_bytes_ = 0;
  uint64_t ignored_count_ = 0;
};

}  // namespace weir::report
