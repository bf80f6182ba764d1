// How segments serve an allocation that no free range suits: a place among the addresses, chunks from under free ranges and new ones.
#include "cuda/pool/vmm_segments.h"

namespace weir::cuda::pool {
namespace {

// Addresses that are reserved at a time: twice the device's memory, so that fresh ranges are found between live ones, and no more than
// what a table of kMostSlots chunks describes.
constexpr uint64_t kMostSlots = uint64_t{1} << 16;

uint64_t smaller(uint64_t one, uint64_t other) { return one < other ? one : other; }

}  // namespace

Result VmmSegments::allocate_by_mapping(const Request& request, Address* address) {
  {
    const core::LockScope scope(lock_);
    if (!is_open_) return Result::not_supported;
    ++movers_;  // what happens from here on, close() waits for
  }
  const Result result = map_and_take(request, address);
  bool is_last;
  {
    const core::LockScope scope(lock_);
    is_last = leave();
  }
  if (is_last) tear_down();
  return result;
}

Result VmmSegments::map_and_take(const Request& request, Address* address) {
  for (;;) {
    Plan plan;
    Result planned;
    {
      const core::LockScope scope(lock_);
      if (take_free(request, address)) return Result::success;  // another thread has released one
      planned = make_plan(request, &plan);
    }
    if (planned == Result::success) return finish(&plan, fill(&plan), request, address);
    if (planned != Result::not_found) return planned;
    const Result reserved = reserve_more(request.space, request.bytes);
    if (reserved != Result::success) return reserved;
  }
}

Result VmmSegments::reserve_more(Space space, uint64_t bytes) {
  const uint64_t wanted = smaller(2 * smaller(device_bytes_, UINT64_MAX / 4), kMostSlots * chunks_.chunk_bytes());
  Address address;
  uint64_t reserved_bytes;
  const Result result = chunks_.reserve(chunks_above(bytes), wanted, &address, &reserved_bytes);
  if (result != Result::success) return result;
  const core::LockScope scope(lock_);
  return ranges_[space].add(address, reserved_bytes) ? Result::success : Result::out_of_memory;
}

// ---- The plan, under the lock ----

// Result::not_found where there are too few addresses side by side, Result::out_of_memory where Weir has no memory for its records.
Result VmmSegments::make_plan(const Request& request, Plan* plan) {
  if (!choose_place(request, plan)) return Result::not_found;
  VmmRanges& ranges = ranges_[request.space];
  const uint64_t present = plan->prefix == nullptr ? 0 : plan->prefix->bytes;
  plan->fresh =
      ranges.set(plan->fresh, plan->fresh->address, chunks_above(request.bytes - present), RangeState::moving);
  if (plan->fresh == nullptr) return Result::out_of_memory;
  if (plan->prefix != nullptr) plan->prefix = ranges.set(plan->prefix, RangeState::moving);
  plan->address = plan->prefix == nullptr ? plan->fresh->address : plan->prefix->address;
  collect(plan->fresh->bytes, &plan->sources);
  ++miss_count_;
  remap_count_ += plan->sources.first != nullptr;
  return Result::success;
}

// The hole behind the largest free range, which then need not move, or else the smallest hole that is large enough.
bool VmmSegments::choose_place(const Request& request, Plan* plan) {
  const VmmRanges& ranges = ranges_[request.space];
  // A larger one is here only where there was no memory for the record of what a block leaves of it.
  const auto is_prefix = [&](const Range* range) {
    return range != nullptr && range->state == RangeState::free && range->bytes < request.bytes;
  };
  Range* largest = ranges.largest(RangeState::free);
  if (is_prefix(largest) && largest->after != nullptr && largest->after->state == RangeState::hole &&
      chunks_above(request.bytes - largest->bytes) <= largest->after->bytes) {
    plan->prefix = largest;
    plan->fresh = largest->after;
    return true;
  }
  plan->fresh = ranges.best(RangeState::hole, chunks_above(request.bytes));
  if (plan->fresh == nullptr) return false;
  plan->prefix = is_prefix(plan->fresh->before) ? plan->fresh->before : nullptr;
  return true;
}

// ---- Memory for it, without the lock ----

// New chunks come first: where the device has no more, nothing has moved yet.
Result VmmSegments::fill(Plan* plan) {
  Result result = fill_with_new(*plan);
  if (result == Result::success) result = fill_with_moved(*plan);
  if (result == Result::success) result = give_access(plan);
  if (result != Result::success) release_chunks(plan->fresh->address, plan->fresh->bytes);
  return result;
}

Result VmmSegments::fill_with_new(const Plan& plan) {
  const Address end = plan.fresh->end();
  for (Address at = plan.fresh->address + plan.sources.bytes; at < end; at += chunks_.chunk_bytes()) {
    if (const Result result = chunks_.create(at); result != Result::success) return result;
  }
  return Result::success;
}

Result VmmSegments::fill_with_moved(const Plan& plan) {
  Address to = plan.fresh->address;
  for (const Range* source = plan.sources.first; source != nullptr; source = source->next) {
    for (Address from = source->address; from != source->end(); from += chunks_.chunk_bytes()) {
      if (const Result result = chunks_.move(from, to); result != Result::success) return result;
      to += chunks_.chunk_bytes();
    }
  }
  return Result::success;
}

Result VmmSegments::give_access(Plan* plan) {
  {
    const core::LockScope scope(lock_);
    plan->devices = devices_;
    plan->access_changes = access_changes_;
  }
  return chunks_.set_access(plan->fresh->address, plan->fresh->bytes, plan->devices, true);
}

// Access was given or taken away meanwhile, by a thread that left this memory alone.
Result VmmSegments::correct_access(Plan* plan) {
  const DeviceMask before = plan->devices;
  {
    const core::LockScope scope(lock_);
    plan->devices = devices_;
    plan->access_changes = access_changes_;
  }
  const Address start = chunks_below(plan->address);
  const uint64_t bytes = plan->fresh->end() - start;
  const DeviceMask taken_away = before & ~plan->devices;
  const Result result = chunks_.set_access(start, bytes, plan->devices, true);
  return result != Result::success || taken_away == 0 ? result : chunks_.set_access(start, bytes, taken_away, false);
}

Result VmmSegments::finish(Plan* plan, Result filled, const Request& request, Address* address) {
  for (;;) {
    {
      const core::LockScope scope(lock_);
      if (filled != Result::success || plan->access_changes == access_changes_) {
        VmmRanges& ranges = ranges_[request.space];
        // What could not be given back has no access: nobody's.
        settle(plan->fresh, filled == Result::success ? RangeState::free : RangeState::moving);
        if (plan->prefix != nullptr) ranges.set(plan->prefix, RangeState::free);
        settle(plan->sources);
        if (filled != Result::success) return filled;
        *address = plan->address;
        return take(ranges.at(plan->address), plan->address, request) ? Result::success : Result::out_of_memory;
      }
    }
    filled = correct_access(plan);
    if (filled != Result::success) release_chunks(plan->fresh->address, plan->fresh->bytes);
  }
}

}  // namespace weir::cuda::pool
