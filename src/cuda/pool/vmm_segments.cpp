#include "cuda/pool/vmm_segments.h"

#include "core/clock.h"
#include "core/confinement.h"
#include "core/system_call.h"

namespace weir::cuda::pool {
namespace {

constexpr uint64_t kLongestWaitNs = 1'000'000'000;  // for other threads' calls of the driver's

uint64_t rounded_up(uint64_t bytes, uint64_t granule) { return (bytes + granule - 1) & ~(granule - 1); }

}  // namespace

Result VmmSegments::open(Device device, uint64_t device_bytes, uint64_t chunk_bytes) {
  {
    const core::LockScope scope(lock_);
    if (is_open_ || is_closing_) return Result::not_supported;
  }
  const Result result = chunks_.open(device, chunk_bytes);
  if (result != Result::success) return result;
  const core::LockScope scope(lock_);
  for (VmmRanges& ranges : ranges_) ranges.set_chunk_bytes(chunks_.chunk_bytes());
  devices_ = DeviceMask{1} << device;
  device_bytes_ = device_bytes;
  is_open_ = true;
  return Result::success;
}

// ---- Blocks ----

// False where it is more than the device has, or anything could have.
bool VmmSegments::round(uint64_t bytes, Request* request) const {
  if (bytes > device_bytes_) return false;
  const bool is_small = bytes <= kMostSmallBytes;
  *request = {is_small ? small : large, rounded_up(bytes, is_small ? kSmallGranuleBytes : chunks_.granule_bytes()),
              bytes};
  return request->bytes >= bytes;
}

Result VmmSegments::allocate(uint64_t bytes, Address* address, bool* is_hit) {
  if (is_hit != nullptr) *is_hit = true;
  if (bytes == 0) return Result::invalid_value;
  for (bool has_waited = false;; has_waited = true) {
    Request request;
    uint64_t moves_before = 0;
    {
      const core::LockScope scope(lock_);
      if (!is_open_) return Result::not_supported;
      if (!round(bytes, &request)) return Result::out_of_memory;
      if (take_free(request, address)) return Result::success;
      moves_before = moves_done_;
    }
    if (is_hit != nullptr) *is_hit = false;
    const Result result = allocate_by_mapping(request, address);
    // What others had in hand meanwhile was neither theirs nor the driver's.
    if (result != Result::out_of_memory || has_waited || !wait_for_others(moves_before)) return result;
  }
}

bool VmmSegments::take_free(const Request& request, Address* address) {
  Range* range = ranges_[request.space].best(RangeState::free, request.bytes);
  if (range == nullptr) return false;
  *address = range->address;
  if (!take(range, range->address, request)) return false;
  ++hit_count_;
  return true;
}

bool VmmSegments::take(Range* range, Address from, const Request& request) {
  Range* block = ranges_[request.space].set(range, from, request.bytes, RangeState::live);
  if (block == nullptr) return false;
  block->asked_bytes = request.asked_bytes;
  live_asked_bytes_ += request.asked_bytes;
  return true;
}

bool VmmSegments::release(Address address) {
  const core::LockScope scope(lock_);
  for (VmmRanges& ranges : ranges_) {
    Range* range = ranges.at(address);
    if (range == nullptr || range->state != RangeState::live || range->address != address) continue;
    live_asked_bytes_ -= range->asked_bytes;
    ranges.set(range, RangeState::free);
    return true;
  }
  return false;
}

bool VmmSegments::find(Address address, SegmentBlock* block) {
  const core::LockScope scope(lock_);
  for (const VmmRanges& ranges : ranges_) {
    const Range* range = ranges.at(address);
    if (range == nullptr || range->state != RangeState::live) continue;
    *block = {range->address, range->asked_bytes, range->bytes};
    return true;
  }
  return false;
}

bool VmmSegments::holds(Address address) {
  const core::LockScope scope(lock_);
  return ranges_[small].at(address) != nullptr || ranges_[large].at(address) != nullptr;
}

// True where another thread's memory was in hand since `moves_before` was read, and is no longer, or not yet after a long wait.
bool VmmSegments::wait_for_others(uint64_t moves_before) {
  const uint64_t start_ns = core::read_clock_pair().ns;
  for (;;) {
    {
      const core::LockScope scope(lock_);
      if (movers_ == 0) return moves_done_ - moves_before > 1;  // one was this thread's own
    }
    if (core::system_calls_restricted() || core::read_clock_pair().ns - start_ns > kLongestWaitNs) return true;
    core::system_call(SYS_sched_yield);
  }
}

// ---- Giving back ----

uint64_t VmmSegments::free_bytes() const {
  return ranges_[small].bytes(RangeState::free) + ranges_[large].bytes(RangeState::free);
}

void VmmSegments::Moving::push(Range* range) {
  range->next = first;
  first = range;
  bytes += range->bytes;
}

void VmmSegments::collect(uint64_t bytes, Moving* moving) {
  for (VmmRanges& ranges : ranges_) collect_from(ranges, bytes, moving);
}

// From a range's end: the rest then lies before a hole, into which it can grow.
void VmmSegments::collect_from(VmmRanges& ranges, uint64_t bytes, Moving* moving) {
  Range* next;
  for (Range* range = ranges.best(RangeState::free, chunks_.chunk_bytes()); range != nullptr && moving->bytes < bytes;
       range = next) {
    next = ranges.next_larger(*range);
    const Address start = chunks_above(range->address), end = chunks_below(range->end());
    if (start >= end || is_pinned(start, end)) continue;
    const uint64_t missing = bytes - moving->bytes;
    const uint64_t taken = end - start < missing ? end - start : missing;
    if (Range* whole = ranges.set(range, end - taken, taken, RangeState::moving)) moving->push(whole);
  }
}

bool VmmSegments::is_pinned(Address address, Address end) const {
  for (const Pin* pin = pins_; pin != nullptr; pin = pin->next) {
    if (pin->address < end && address < pin->end) return true;
  }
  return false;
}

VmmRanges& VmmSegments::ranges_with(const Range& range) {
  return ranges_[ranges_[small].at(range.address) == &range ? small : large];
}

// A moving range of whole chunks becomes what it is now, piece by piece. Where there is no memory for the records of pieces, they stay
// moving: nobody's, until the end.
void VmmSegments::settle(Range* range, RangeState when_filled) {
  VmmRanges& ranges = ranges_with(*range);
  const Address end = range->end();
  for (Address start = range->address, next; start != end; start = next) {
    const bool is_filled = chunks_.is_filled(start);
    next = start + chunks_.chunk_bytes();
    while (next != end && chunks_.is_filled(next) == is_filled) next += chunks_.chunk_bytes();
    const RangeState state = is_filled ? when_filled : RangeState::hole;
    if (state != RangeState::moving) ranges.set(ranges.at(start), start, next - start, state);
  }
}

void VmmSegments::settle(const Moving& moving) {
  Range* next;
  for (Range* range = moving.first; range != nullptr; range = next) {
    next = range->next;
    settle(range, RangeState::free);
  }
}

uint64_t VmmSegments::release_chunks(Address address, uint64_t bytes) {
  uint64_t released = 0;
  for (const Address end = address + bytes; address != end; address += chunks_.chunk_bytes()) {
    if (chunks_.is_filled(address) && chunks_.release(address) == Result::success) released += chunks_.chunk_bytes();
  }
  return released;
}

uint64_t VmmSegments::trim(uint64_t keep_bytes) {
  Moving moving;
  {
    const core::LockScope scope(lock_);
    if (!is_open_ || free_bytes() <= keep_bytes) return 0;
    collect(chunks_above(free_bytes() - keep_bytes), &moving);
    if (moving.first == nullptr) return 0;
    ++movers_;
  }
  uint64_t released = 0;
  for (const Range* range = moving.first; range != nullptr; range = range->next) {
    released += release_chunks(range->address, range->bytes);
  }
  bool is_last;
  {
    const core::LockScope scope(lock_);
    settle(moving);
    compaction_count_ += released != 0;
    is_last = leave();
  }
  if (is_last) tear_down();
  return released;
}

// ---- Access of other devices ----

Result VmmSegments::set_access(Device peer, bool may_access) {
  if (!is_listed(peer)) return Result::not_supported;
  const DeviceMask device = DeviceMask{1} << peer;
  {
    const core::LockScope scope(lock_);
    if (!is_open_) return Result::not_supported;
    devices_ = may_access ? devices_ | device : devices_ & ~device;
    ++access_changes_;  // memory that is moving now gets it from whom it belongs to
    ++movers_;
  }
  Result result = Result::success;
  for (const VmmRanges& ranges : ranges_) {
    if (result == Result::success) result = set_access_in(ranges, device, may_access);
  }
  bool is_last;
  {
    const core::LockScope scope(lock_);
    if (result != Result::success && may_access) {
      devices_ &= ~device;
      ++access_changes_;
    }
    is_last = leave();
  }
  if (is_last) tear_down();
  return result;
}

Result VmmSegments::set_access_in(const VmmRanges& ranges, DeviceMask device, bool may_access) {
  for (Pin pin{0, 0, nullptr};;) {
    {
      const core::LockScope scope(lock_);
      if (!pin_next(ranges, pin.end, &pin)) return Result::success;
    }
    const Result result = chunks_.set_access(pin.address, pin.end - pin.address, device, may_access);
    {
      const core::LockScope scope(lock_);
      unpin(pin);
    }
    if (result != Result::success) return result;
  }
}

// The next contiguous piece from there on that has memory and is not moving, in whole chunks.
bool VmmSegments::pin_next(const VmmRanges& ranges, Address from, Pin* pin) {
  const auto has_memory = [](const Range& range) {
    return range.state == RangeState::live || range.state == RangeState::free;
  };
  const Range* range = ranges.at(from);
  if (range == nullptr) range = ranges.following(from);
  while (range != nullptr && !has_memory(*range)) range = ranges.following(range->end());
  if (range == nullptr) return false;
  const Address start = chunks_below(range->address);
  while (range->after != nullptr && has_memory(*range->after)) range = range->after;
  *pin = {start < from ? from : start, chunks_above(range->end()), pins_};
  pins_ = pin;
  return true;
}

void VmmSegments::unpin(const Pin& pin) {
  Pin** link = &pins_;
  while (*link != &pin) link = &(*link)->next;
  *link = pin.next;
}

// ---- The end ----

bool VmmSegments::leave() {
  ++moves_done_;
  return --movers_ == 0 && is_closing_;
}

void VmmSegments::close() {
  {
    const core::LockScope scope(lock_);
    if (!is_open_) return;
    is_open_ = false;
    is_closing_ = true;
    if (movers_ != 0) return;
  }
  tear_down();
}

void VmmSegments::tear_down() {
  chunks_.close();
  const core::LockScope scope(lock_);
  for (VmmRanges& ranges : ranges_) ranges.clear();
  live_asked_bytes_ = 0;
  is_closing_ = false;
}

void VmmSegments::abandon() {
  lock_.reset_after_fork();
  for (VmmRanges& ranges : ranges_) ranges.abandon();
  chunks_.abandon();
  movers_ = 0;
  pins_ = nullptr;
  live_asked_bytes_ = 0;
  is_open_ = is_closing_ = false;
}

SegmentFigures VmmSegments::figures() {
  const core::LockScope scope(lock_);
  SegmentFigures figures{};
  for (const VmmRanges& ranges : ranges_) {
    figures.live_bytes += ranges.bytes(RangeState::live);
    figures.live_count += ranges.count(RangeState::live);
    figures.free_bytes += ranges.bytes(RangeState::free);
    figures.free_count += ranges.count(RangeState::free);
    figures.whole_free_bytes += ranges.whole_free_bytes();
    figures.moving_bytes += ranges.bytes(RangeState::moving);
    const Range* largest = ranges.largest(RangeState::free);
    if (largest != nullptr && largest->bytes > figures.largest_free_bytes) figures.largest_free_bytes = largest->bytes;
  }
  figures.live_asked_bytes = live_asked_bytes_;
  figures.hit_count = hit_count_;
  figures.miss_count = miss_count_;
  figures.remap_count = remap_count_;
  figures.compaction_count = compaction_count_;
  figures.chunks = chunks_.figures();
  figures.mapped_bytes = figures.chunks.count * chunks_.chunk_bytes();
  return figures;
}

}  // namespace weir::cuda::pool
