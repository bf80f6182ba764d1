#include "leak/classify.h"

#include <algorithm>
#include <new>

#include "core/clock.h"
#include "core/confinement.h"

namespace weir::leak {
namespace {

constexpr uint64_t kLongestStopNs = 2'000'000'000;  // until all threads stand

constexpr const char* kNoMemory = "there was no memory for it";

}  // namespace

[[gnu::noinline]] const char* Classification::classify(const core::Inside& inside, bool is_last) {
  if (core::system_calls_restricted()) return "the process has confined itself to few system calls";
  const CallerFrame caller = find_caller_frame();
  threads_ = new (threads_storage_) StoppedThreads(inside, kLongestStopNs);
  if (is_last) threads_->keep_sleepers_asleep();
  figures_.thread_count = threads_->size() + 1;
  figures_.unknown_thread_count = threads_->unknown_count();
  if (!map_.read()) return "/proc/thread-self/maps cannot be read";
  if (!pages_.open() || !heap_.build() || !devices_.build() || !driver_.find()) return kNoMemory;
  Reachability reachability(heap_, devices_, driver_, map_, pages_);
  Roots roots(map_, heap_, devices_);
  reachability.prepare();
  if (!roots.gather(caller, *threads_)) return kNoMemory;
  roots.walk(caller, *threads_, reachability);
  in_doubt_ = threads_->why_unknown();
  if (in_doubt_ == nullptr) {
    reachability.finish();
  } else {
    reachability.finish_in_doubt();
  }
  figures_.scanned_bytes = reachability.scanned_bytes();
  pages_.close();  // what the report needs takes its place
  map_.release();
  if (!reachability.ok()) return kNoMemory;
  for (const Leader& leader : reachability.leaders()) {
    if (leader.indirect_count != 0 && !leaders_.push(leader)) return kNoMemory;
  }
  return nullptr;
}

bool Classification::take(const core::Inside& inside, bool is_last) {
  const uint64_t begin_ns = core::read_clock_pair().ns;
  why_not_ = classify(inside, is_last);
  done_ = why_not_ == nullptr;
  figures_.stopped_ns = core::read_clock_pair().ns - begin_ns;
  return done_;
}

void Classification::let_go() {
  if (threads_ != nullptr) threads_->~StoppedThreads();
  threads_ = nullptr;
}

LeakClass Classification::class_of(const track::Block& block) const {
  if (!done_) return LeakClass::live;
  const auto found = static_cast<LeakClass>(heap_.mark_of(block));
  return found == LeakClass::live ? LeakClass::reachable : found;  // it was not there yet: whoever asked for it has it
}

LeakClass Classification::class_of(const cuda::Allocation& allocation) const {
  if (!done_) return LeakClass::live;
  const auto found = static_cast<LeakClass>(devices_.mark_of(allocation) & ~Reachability::kHiddenOnDevice);
  return found == LeakClass::live ? LeakClass::reachable : found;
}

bool Classification::may_be_held_on_device(const cuda::Allocation& allocation) const {
  return done_ && (devices_.mark_of(allocation) & Reachability::kHiddenOnDevice) != 0;
}

const Leader* Classification::leader_of(const track::Block& block) const {
  HeapBlock found;
  if (!done_ || leaders_.size() == 0 || !heap_.find(block.address, &found)) return nullptr;
  const Leader* leader = std::lower_bound(leaders_.begin(), leaders_.end(), found.mark,
                                          [](const Leader& of, uint32_t mark) { return of.mark < mark; });
  return leader != leaders_.end() && leader->mark == found.mark ? leader : nullptr;
}

}  // namespace weir::leak
