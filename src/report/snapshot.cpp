#include "report/snapshot.h"

#include <algorithm>

#include "leak/classify.h"
#include "leak/ignored.h"
#include "stack/stack_table.h"
#include "track/live_set.h"
#include "track/recording.h"
#include "track/stack_counters.h"
#include "track/thread_counters.h"

namespace weir::report {
namespace {

Sample sample_of(const track::Block& block, leak::LeakClass leak_class) {
  return {{block.address, block.bytes, block.tick, block.thread, supplier_of(block.family), block.align_log2},
          block.stack,
          Memory::host,
          leak_class,
          false,
          track::weight_of(block)};
}

Sample sample_of(const track::Mapping& mapping) {
  const Supplier supplier = mapping.kind == track::MappingKind::sysv ? Supplier::shmat : Supplier::mmap;
  return {{mapping.address, mapping.bytes, mapping.tick, mapping.thread, supplier, 0},
          mapping.stack,
          Memory::mmap,
          leak::LeakClass::live,
          mapping.continues,
          {1, mapping.bytes}};
}

bool is_larger(const Sample& a, const Sample& b) {
  return a.bytes != b.bytes ? a.bytes > b.bytes : a.address < b.address;
}

// Counts taken while other threads go on may not agree to the last one.
uint64_t difference(uint64_t larger, uint64_t smaller) { return larger > smaller ? larger - smaller : 0; }

HotSite hot_site_of(core::StackId stack, const track::StackCounters& counters) {
  return {stack,
          counters.alloc_count,
          counters.alloc_bytes,
          counters.temporary_count,
          difference(counters.alloc_count, counters.free_count),
          difference(counters.alloc_bytes, counters.free_bytes),
          counters.max_bytes};
}

bool has_more_temporaries(const HotSite& a, const HotSite& b) {
  if (a.temporary_count != b.temporary_count) return a.temporary_count > b.temporary_count;
  return a.alloc_count != b.alloc_count ? a.alloc_count > b.alloc_count : a.stack < b.stack;
}

bool has_more_allocations(const HotSite& a, const HotSite& b) {
  return a.alloc_count != b.alloc_count ? a.alloc_count > b.alloc_count : a.stack < b.stack;
}

bool holds_more(const PeakPart& a, const PeakPart& b) {
  return a.bytes != b.bytes ? a.bytes > b.bytes : a.stack < b.stack;
}

// The first kHotSites of an order, themselves in no order.
struct TopSites {
  using Order = bool (*)(const HotSite&, const HotSite&);
  Order is_before;
  HotSite sites[kHotSites];  // a heap with the last one first
  size_t count = 0;

  void offer(const HotSite& site) {
    if (count == kHotSites) {
      if (!is_before(site, sites[0])) return;
      std::pop_heap(sites, sites + count--, is_before);
    }
    sites[count++] = site;
    std::push_heap(sites, sites + count, is_before);
  }
  bool contains(core::StackId stack) const {
    return std::any_of(sites, sites + count, [stack](const HotSite& site) { return site.stack == stack; });
  }
};

}  // namespace

// The counters of all stacks by ascending id, with what running threads have not added to them yet.
class CountedStacks {
 public:
  // False where working memory ran out: what is held by threads is then left out.
  bool gather() {
    track::for_each_stack_delta(
        [](void* context, const track::StackDelta& delta) {
          auto* self = static_cast<CountedStacks*>(context);
          if (!self->deltas_.push(delta)) self->out_of_memory_ = true;
        },
        this);
    std::sort(deltas_.begin(), deltas_.end(),
              [](const track::StackDelta& a, const track::StackDelta& b) { return a.stack < b.stack; });
    return !out_of_memory_;
  }

  template <class Visit>
  void for_each(Visit visit) const {
    const uint32_t last = stack::stack_count();
    size_t next = 0;
    for (uint32_t id = 0; id <= last; ++id) {  // the unknown stack, id 0, has counters too
      const auto stack = static_cast<core::StackId>(id);
      const track::StackCounters* counters = track::find_counters(stack);
      if (next == deltas_.size() || deltas_[next].stack != stack) {
        if (counters != nullptr) visit(stack, *counters);
        continue;
      }
      track::StackCounters sum = counters == nullptr ? track::StackCounters{} : *counters;
      while (next < deltas_.size() && deltas_[next].stack == stack) track::add_to_counters(deltas_[next++], sum);
      visit(stack, sum);
    }
  }

 private:
  core::ScratchArray<track::StackDelta> deltas_;
  bool out_of_memory_ = false;
};

const char* memory_name(Memory memory) { return memory == Memory::host ? "host" : "mmap"; }

const char* supplier_name(Supplier supplier) {
  constexpr const char* kNames[] = {"malloc", "new", "new[]", "mmap", "shmat"};
  return kNames[static_cast<size_t>(supplier)];
}

Supplier supplier_of(track::Family family) {
  switch (family) {
    case track::Family::scalar_new:
      return Supplier::scalar_new;
    case track::Family::array_new:
      return Supplier::array_new;
    case track::Family::malloc:
      break;
  }
  return Supplier::malloc;
}

// ---- PairSet ----

size_t PairSet::place_of(uint64_t pair) const {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  const size_t mask = slots_.size() - 1;
  size_t place = static_cast<size_t>((pair * kMultiplier) >> 20) & mask;
  while (slots_[place] != 0 && slots_[place] != pair) place = (place + 1) & mask;
  return place;
}

void PairSet::put(uint64_t pair) { slots_[place_of(pair)] = pair; }

bool PairSet::grow() {
  constexpr size_t kFirstSize = 512;
  core::ScratchArray<uint64_t> old;
  if (!old.resize(slots_.size())) return false;
  std::copy(slots_.begin(), slots_.end(), old.begin());
  if (!slots_.resize(old.size() == 0 ? kFirstSize : old.size() * 2)) return false;
  std::fill(slots_.begin(), slots_.end(), uint64_t{0});
  for (const uint64_t pair : old) {
    if (pair != 0) put(pair);
  }
  return true;
}

bool PairSet::insert(uint64_t pair) {
  if (used_ * 2 >= slots_.size() && !grow()) return false;
  uint64_t& slot = slots_[place_of(pair)];
  if (slot != 0) return false;
  slot = pair;
  ++used_;
  return true;
}

// ---- Snapshot ----

bool Snapshot::take(uint64_t ignore_before_tick, uint64_t large_bytes, const leak::Classification* classes) {
  ignore_before_tick_ = ignore_before_tick;
  large_bytes_ = large_bytes;
  classes_ = classes;
  gather_blocks();
  gather_mappings();
  for (auto& index : leak_index_) index.release();
  gather_counters();
  sort_all();
  return !out_of_memory_;
}

void Snapshot::gather_blocks() {
  track::for_each_live_block(
      [](void* snapshot, const track::Block& block) { static_cast<Snapshot*>(snapshot)->add_block(block); }, this);
}

void Snapshot::gather_mappings() {
  track::for_each_mapping(
      [](void* snapshot, const track::Mapping& mapping) {
        if (mapping.counts_as_leak()) static_cast<Snapshot*>(snapshot)->add(sample_of(mapping));
      },
      this);
}

void Snapshot::add_block(const track::Block& block) {
  if (leak::is_ignored(block)) ++ignored_count_;
  const leak::LeakClass leak_class = classes_ == nullptr ? leak::LeakClass::live : classes_->class_of(block);
  add(sample_of(block, leak_class));
  const leak::Leader* leader = leak_class == leak::LeakClass::definite ? classes_->leader_of(block) : nullptr;
  if (leader != nullptr && block.tick >= ignore_before_tick_ && track::is_recorded(block.tick))
    add_hanging(last_index_, {leader->indirect_bytes, leader->indirect_count});
}

void Snapshot::add_hanging(size_t index, const HangingBlocks& blocks) {
  if (index >= hanging_.size() && !hanging_.resize(index + 1)) {
    out_of_memory_ = true;
    return;
  }
  hanging_[index].bytes += blocks.bytes;
  hanging_[index].count += blocks.count;
}

HangingBlocks Snapshot::hanging_from(const Leak& leak) const {
  const auto index = static_cast<size_t>(&leak - leaks_.begin());
  return index < hanging_.size() ? hanging_[index] : HangingBlocks{};
}

void Snapshot::add(const Sample& sample) {
  if (sample.tick < ignore_before_tick_) {
    inherited_count_ += sample.weight.count;
    inherited_bytes_ += sample.weight.bytes;
    return;
  }
  if (!track::is_recorded(sample.tick)) {  // guard: recording
    unrecorded_count_ += sample.is_piece ? 0 : sample.weight.count;
    unrecorded_bytes_ += sample.weight.bytes;
    return;
  }
  size_t index = 0;
  if (!find_leak(sample, &index)) {
    out_of_memory_ = true;
    return;
  }
  last_index_ = index;
  Leak& leak = leaks_[index];
  leak.bytes += sample.weight.bytes;
  leak.count += sample.is_piece ? 0 : sample.weight.count;
  ++leak.drawn_count;
  leak.first_tick = std::min(leak.first_tick, sample.tick);
  leak.last_tick = std::max(leak.last_tick, sample.tick);
  if (leak.sample_count < kMaxSamples) keep_sample(leak, sample);
  if (leak.thread_count == 0 || leak.last_thread != sample.thread) add_thread(index, sample.thread);
  if (sample.bytes >= large_bytes_) add_large(sample);
}

bool Snapshot::find_leak(const Sample& sample, size_t* index) {
  const bool is_host = sample.memory == Memory::host;
  core::ScratchArray<uint32_t>& by_stack =
      leak_index_[is_host ? static_cast<size_t>(sample.leak_class) : leak::kLeakClasses];
  core::StackId stack = sample.stack;
  // Asked anew where it does not suffice: another thread may add stacks while the live set is read.
  const size_t last = core::index_of(stack) < by_stack.size() ? by_stack.size() - 1 : stack::stack_count();
  if (core::index_of(stack) > last) stack = core::StackId::unknown;  // no such stack: a broken record
  if (last >= by_stack.size() && !by_stack.resize(last + 1)) return false;
  uint32_t& entry = by_stack[core::index_of(stack)];
  if (entry == 0) {
    Leak leak{};
    leak.stack = stack;
    leak.memory = sample.memory;
    leak.leak_class = sample.leak_class;
    leak.first_tick = UINT64_MAX;
    if (!leaks_.push(leak)) return false;
    entry = static_cast<uint32_t>(leaks_.size());
  }
  *index = entry - 1;
  return true;
}

void Snapshot::keep_sample(Leak& leak, const SampledBlock& block) {
  if (!samples_.push({block, 0})) {
    out_of_memory_ = true;
    return;
  }
  uint32_t* link = &leak.samples;
  while (*link != 0) link = &samples_[*link - 1].next;
  *link = static_cast<uint32_t>(samples_.size());
  ++leak.sample_count;
}

void Snapshot::add_thread(size_t index, core::ThreadId thread) {
  Leak& leak = leaks_[index];
  if (leak.thread_count == 1) {
    if (!threads_.push({{leak.last_thread}})) {
      out_of_memory_ = true;
      return;
    }
    leak.threads = static_cast<uint32_t>(threads_.size());
  }
  leak.last_thread = thread;
  if (leak.thread_count == 0) {
    leak.thread_count = 1;
    return;
  }
  core::ThreadId* const threads = threads_[leak.threads - 1].ids;
  const size_t listed = std::min<size_t>(leak.thread_count, kMaxThreads);
  if (std::find(threads, threads + listed, thread) != threads + listed) return;
  if (listed < kMaxThreads) {
    threads[leak.thread_count++] = thread;
  } else if (more_threads_.insert((uint64_t{index + 1} << 32) | core::index_of(thread))) {
    ++leak.thread_count;
  }
}

std::span<const core::ThreadId> Snapshot::threads_of(const Leak& leak) const {
  if (leak.threads == 0) return {&leak.last_thread, leak.thread_count};
  return {threads_[leak.threads - 1].ids, std::min<size_t>(leak.thread_count, kMaxThreads)};
}

void Snapshot::add_large(const Sample& sample) {
  if (large_.size() == kMaxLarge) {
    ++large_left_out_count_;
    if (!is_larger(sample, large_[0])) return;
    std::pop_heap(large_.begin(), large_.end(), is_larger);
    large_[kMaxLarge - 1] = sample;
  } else if (!large_.push(sample)) {
    out_of_memory_ = true;
    return;
  }
  std::push_heap(large_.begin(), large_.end(), is_larger);
}

// Each stack's counters are read once: of many stacks none is in the caches.
void Snapshot::gather_counters() {
  CountedStacks stacks;
  core::ScratchArray<TopSites> tops;
  if (!stacks.gather() || !tops.resize(2)) {
    out_of_memory_ = true;
    return;
  }
  TopSites &temporary = tops[0], &total = tops[1];
  temporary.is_before = has_more_temporaries;
  total.is_before = has_more_allocations;
  stacks.for_each([&](core::StackId stack, const track::StackCounters& counters) {
    add_to_peak(stack, track::at_peak(counters));
    const HotSite site = hot_site_of(stack, counters);
    if (site.temporary_count > 0) temporary.offer(site);
    total.offer(site);
  });
  for (size_t i = 0; i < temporary.count; ++i) {
    if (!hot_sites_.push(temporary.sites[i])) out_of_memory_ = true;
  }
  for (size_t i = 0; i < total.count; ++i) {
    const HotSite& site = total.sites[i];
    if (!temporary.contains(site.stack) && !hot_sites_.push(site)) out_of_memory_ = true;
  }
}

void Snapshot::add_to_peak(core::StackId stack, track::AtPeak at_peak) {
  if (at_peak.count == 0) return;
  if (peak_.size() == 2 * kMaxPeakParts) sum_up_rest_of_peak();
  if (!peak_.push({stack, at_peak.bytes, at_peak.count})) out_of_memory_ = true;
}

// A program that loads much holds memory from 100,000 and more stacks at its peak, a few bytes each: they are summed up.
void Snapshot::sum_up_rest_of_peak() {
  if (peak_.size() <= kMaxPeakParts) return;
  PeakPart* first_of_rest = peak_.begin() + kMaxPeakParts;
  std::nth_element(peak_.begin(), first_of_rest, peak_.end(), holds_more);
  for (const PeakPart* part = first_of_rest; part != peak_.end(); ++part) {
    ++peak_rest_.stack_count;
    peak_rest_.bytes += part->bytes;
    peak_rest_.count += part->count;
  }
  peak_.resize(kMaxPeakParts);
}

void Snapshot::order_leaks() {
  if (!leak_order_.resize(leaks_.size())) {
    out_of_memory_ = true;
    return;
  }
  for (uint32_t i = 0; i < leaks_.size(); ++i) leak_order_[i] = {leaks_[i].bytes, i};
  std::sort(leak_order_.begin(), leak_order_.end(), [](const LeakPlace& a, const LeakPlace& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.index < b.index;
  });
}

void Snapshot::sort_all() {
  order_leaks();
  sum_up_rest_of_peak();
  std::sort(peak_.begin(), peak_.end(), holds_more);
  std::sort(hot_sites_.begin(), hot_sites_.end(), has_more_temporaries);
  std::sort(large_.begin(), large_.end(), is_larger);
}

}  // namespace weir::report
