#include "report/device_leaks.h"

#include <algorithm>

#include "cuda/allocation_table.h"
#include "cuda/driver.h"
#include "leak/classify.h"
#include "track/recording.h"

namespace weir::report {
namespace {

bool knows(const DeviceLeak& leak, core::ThreadId thread) {
  const auto* end = leak.threads + std::min<size_t>(leak.thread_count, kMaxThreads);
  return std::find(leak.threads, end, thread) != end;
}

void add_thread(DeviceLeak& leak, core::ThreadId thread) {
  if (leak.thread_count < kMaxThreads && !knows(leak, thread)) leak.threads[leak.thread_count++] = thread;
}

bool holds_more(const DeviceLeak& a, const DeviceLeak& b) {
  if (a.bytes != b.bytes) return a.bytes > b.bytes;
  return a.stack != b.stack ? a.stack < b.stack : a.kind < b.kind;
}

bool is_larger(const cuda::Allocation& a, const cuda::Allocation& b) {
  return a.bytes != b.bytes ? a.bytes > b.bytes : a.serial < b.serial;
}

}  // namespace

DeviceLeaks::Group DeviceLeaks::group_of(const cuda::Allocation& allocation) const {
  Group group{allocation.origin.stack, allocation.kind, allocation.device, leak::LeakClass::live, false};
  if (classes_ == nullptr) return group;
  group.leak_class = classes_->class_of(allocation);
  group.may_be_held_on_device = classes_->may_be_held_on_device(allocation);
  return group;
}

DeviceLeaks::Group DeviceLeaks::group_of(const DeviceLeak& leak) {
  return {leak.stack, leak.kind, leak.device, leak.leak_class, leak.may_be_held_on_device};
}

size_t DeviceLeaks::place_of(const Group& group) const {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  const uint64_t word = (uint64_t{core::index_of(group.stack)} << 32) |
                        (static_cast<uint64_t>(group.leak_class) << 24) | (static_cast<uint64_t>(group.kind) << 16) |
                        static_cast<uint16_t>(group.device);
  const size_t mask = slots_.size() - 1;
  size_t place = static_cast<size_t>((word * kMultiplier) >> 20) & mask;
  while (slots_[place] != 0 && !(group_of(leaks_[slots_[place] - 1]) == group)) place = (place + 1) & mask;
  return place;
}

bool DeviceLeaks::grow_slots() {
  constexpr size_t kFirstSize = 512;
  const size_t size = slots_.size() == 0 ? kFirstSize : slots_.size() * 2;
  if (!slots_.resize(size)) return false;
  std::fill(slots_.begin(), slots_.end(), 0U);
  for (size_t i = 0; i < leaks_.size(); ++i) {
    slots_[place_of(group_of(leaks_[i]))] = static_cast<uint32_t>(i + 1);
  }
  return true;
}

DeviceLeak* DeviceLeaks::leak_of(const cuda::Allocation& allocation) {
  if (leaks_.size() * 2 >= slots_.size() && !grow_slots()) return nullptr;
  const Group group = group_of(allocation);
  uint32_t& slot = slots_[place_of(group)];
  if (slot == 0) {
    DeviceLeak leak{};
    leak.stack = group.stack;
    leak.kind = group.kind;
    leak.device = group.device;
    leak.leak_class = group.leak_class;
    leak.may_be_held_on_device = group.may_be_held_on_device;
    leak.first_tick = UINT64_MAX;
    leak.call = allocation.call;
    if (!leaks_.push(leak)) return nullptr;
    slot = static_cast<uint32_t>(leaks_.size());
  }
  return &leaks_[slot - 1];
}

void DeviceLeaks::add(const cuda::Allocation& allocation) {
  if (!cuda::traits_of(allocation.kind).is_leak) return;
  if (!track::is_recorded(allocation.origin.tick)) {
    ++unrecorded_count_;
    unrecorded_bytes_ += allocation.bytes;
    return;
  }
  DeviceLeak* leak = leak_of(allocation);
  if (leak == nullptr || (allocation.bytes >= large_bytes_ && large_.size() < kMaxLarge && !large_.push(allocation))) {
    out_of_memory_ = true;
    return;
  }
  leak->bytes += allocation.bytes;
  leak->taken_bytes += allocation.taken_bytes;
  ++leak->count;
  leak->first_tick = std::min(leak->first_tick, allocation.origin.tick);
  leak->last_tick = std::max(leak->last_tick, allocation.origin.tick);
  add_thread(*leak, allocation.origin.thread);
  if (leak->sample_count < kMaxSamples) leak->samples[leak->sample_count++] = allocation;
}

bool DeviceLeaks::take(uint64_t large_bytes, const leak::Classification* classes) {
  if (!cuda::driver_was_bound()) return true;
  large_bytes_ = large_bytes;
  classes_ = classes;
  cuda::for_each_allocation(
      [](void* leaks, const cuda::Allocation& allocation) { static_cast<DeviceLeaks*>(leaks)->add(allocation); }, this);
  slots_.release();
  std::sort(leaks_.begin(), leaks_.end(), &holds_more);
  std::sort(large_.begin(), large_.end(), &is_larger);
  return !out_of_memory_;
}

}  // namespace weir::report
