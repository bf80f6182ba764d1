#include "report/block_section.h"

#include "report/device_leaks.h"
#include "report/device_section.h"
#include "track/out_of_memory.h"
#include "track/totals.h"

namespace weir::report {
namespace {

void write_thread(JsonStream& json, core::ThreadId id) {
  json.begin_object().key("id").number(core::index_of(id));
  if (const track::ThreadInfo* thread = track::thread_info(id)) {
    json.key("tid").signed_number(thread->tid).key("name").text(thread->name);
  }
  json.end_object();
}

// What a sample says beside its stack and memory.
void write_block(JsonStream& json, const SampledBlock& sample, const EventClock& clock) {
  json.key("address").address(sample.address);
  json.key("bytes").number(sample.bytes);
  json.key("ns").number(clock.ns_of(sample.tick));
  json.key("thread").number(core::index_of(sample.thread));
  json.key("family").text(supplier_name(sample.supplier));
  if (sample.align_log2 > 0) json.key("align_bytes").number(uint64_t{1} << sample.align_log2);
}

void write_leak(JsonStream& json, const Leak& leak, const Snapshot& snapshot, StackIndex& stacks,
                const EventClock& clock) {
  json.begin_object();
  json.key("memory").text(memory_name(leak.memory));
  json.key("kind").text(leak::name_of(leak.leak_class));
  json.key("bytes").number(leak.bytes);
  json.key("count").number(leak.count);
  if (track::sampling() && leak.memory == Memory::host) json.key("sample_count").number(leak.drawn_count);
  if (leak.leak_class == leak::LeakClass::definite) {
    const HangingBlocks hanging = snapshot.hanging_from(leak);
    json.key("indirect_bytes").number(hanging.bytes).key("indirect_count").number(hanging.count);
  }
  json.key("stack").number(stacks.number_of(leak.stack));
  json.key("first_ns").number(clock.ns_of(leak.first_tick));
  json.key("last_ns").number(clock.ns_of(leak.last_tick));
  json.key("thread_count").number(leak.thread_count);
  json.key("threads").begin_array();
  for (const core::ThreadId thread : snapshot.threads_of(leak)) write_thread(json, thread);
  json.end_array();
  json.key("samples").begin_array();
  snapshot.for_each_sample(leak, [&](const SampledBlock& sample) {
    json.begin_object();
    write_block(json, sample, clock);
    json.end_object();
  });
  json.end_array();
  json.end_object();
}

// What a sample of CUDA's says beside its stack and memory.
void write_allocation(JsonStream& json, const cuda::Allocation& allocation, const EventClock& clock) {
  json.key("address").address(allocation.key);
  json.key("bytes").number(allocation.bytes).key("taken_bytes").number(allocation.taken_bytes);
  json.key("ns").number(clock.ns_of(allocation.origin.tick));
  json.key("thread").number(core::index_of(allocation.origin.thread));
  json.key("family").text(allocation.call).key("context").address(allocation.context);
  if (allocation.has_stream) json.key("stream").address(allocation.stream);
}

constexpr const char* kMayBeHeldOnDevice =
    "nothing on the host holds its address; device memory in use, which cannot be read, may";

void write_leak(JsonStream& json, const DeviceLeak& leak, StackIndex& stacks, const EventClock& clock) {
  json.begin_object().key("memory").text(cuda::traits_of(leak.kind).name).key("device");
  write_device_number(json, leak.device);
  json.key("kind").text(leak::name_of(leak.leak_class));
  if (leak.may_be_held_on_device) json.key("reason").text(kMayBeHeldOnDevice);
  json.key("call").text(leak.call);
  json.key("bytes").number(leak.bytes).key("taken_bytes").number(leak.taken_bytes);
  json.key("count").number(leak.count).key("stack").number(stacks.number_of(leak.stack));
  json.key("first_ns").number(clock.ns_of(leak.first_tick)).key("last_ns").number(clock.ns_of(leak.last_tick));
  json.key("thread_count").number(leak.thread_count).key("threads").begin_array();
  for (size_t i = 0; i < leak.thread_count; ++i) write_thread(json, leak.threads[i]);
  json.end_array().key("samples").begin_array();
  for (size_t i = 0; i < leak.sample_count; ++i) {
    json.begin_object();
    write_allocation(json, leak.samples[i], clock);
    json.end_object();
  }
  json.end_array().end_object();
}

}  // namespace

void write_leaks(JsonStream& json, const Snapshot& snapshot, const DeviceLeaks& of_devices, StackIndex& stacks,
                 const EventClock& clock) {
  json.begin_array();
  size_t next = 0;
  const auto write_device_leaks_of = [&](uint64_t at_least_bytes) {
    for (; next < of_devices.leaks().size() && of_devices.leaks()[next].bytes >= at_least_bytes; ++next) {
      write_leak(json, of_devices.leaks()[next], stacks, clock);
    }
  };
  for (size_t i = 0; i < snapshot.leak_count(); ++i) {
    write_device_leaks_of(snapshot.leak(i).bytes);
    write_leak(json, snapshot.leak(i), snapshot, stacks, clock);
  }
  write_device_leaks_of(0);
  json.end_array();
}

void write_peak(JsonStream& json, const Snapshot& snapshot, StackIndex& stacks) {
  json.begin_array();
  for (const PeakPart& part : snapshot.peak()) {
    json.begin_object().key("memory").text(memory_name(Memory::host));
    json.key("bytes").number(part.bytes).key("count").number(part.count);
    json.key("stack").number(stacks.number_of(part.stack)).end_object();
  }
  json.end_array();
}

void write_hot_sites(JsonStream& json, const Snapshot& snapshot, StackIndex& stacks) {
  json.begin_array();
  for (const HotSite& site : snapshot.hot_sites()) {
    json.begin_object().key("memory").text(memory_name(Memory::host));
    json.key("stack").number(stacks.number_of(site.stack));
    json.key("alloc_count").number(site.alloc_count);
    json.key("alloc_bytes").number(site.alloc_bytes);
    json.key("temporary_count").number(site.temporary_count);
    json.key("live_count").number(site.live_count);
    json.key("live_bytes").number(site.live_bytes);
    json.key("peak_bytes").number(site.peak_bytes).end_object();
  }
  json.end_array();
}

void write_host_out_of_memory(JsonStream& json, StackIndex& stacks, const EventClock& clock) {
  for (size_t i = 0; i < track::out_of_memory_count(); ++i) {
    const track::OutOfMemory& event = track::out_of_memory(i);
    if (!__atomic_load_n(&event.is_whole, __ATOMIC_ACQUIRE)) continue;
    json.begin_object().key("memory").text(memory_name(Memory::host)).key("device").text(nullptr);
    json.key("call").text(supplier_name(supplier_of(event.request.family))).key("bytes").number(event.request.bytes);
    json.key("ns").number(clock.ns_of(event.request.tick)).key("thread").number(core::index_of(event.request.thread));
    json.key("stack").number(stacks.number_of(event.request.stack));
    json.key("live_bytes").number(event.live_bytes).key("live_count").number(event.live_count);
    json.key("holders").begin_array();
    for (size_t holder = 0; holder < event.holder_count; ++holder) {
      json.begin_object().key("memory").text(memory_name(Memory::host));
      json.key("bytes").number(event.holders[holder].bytes).key("count").number(event.holders[holder].count);
      json.key("stack").number(stacks.number_of(event.holders[holder].stack)).end_object();
    }
    json.end_array().end_object();
  }
}

void write_large(JsonStream& json, const Snapshot& snapshot, const DeviceLeaks& of_devices, StackIndex& stacks,
                 const EventClock& clock) {
  json.begin_array();
  size_t next = 0;
  const auto write_allocations_of = [&](uint64_t at_least_bytes) {
    for (; next < of_devices.large().size() && of_devices.large()[next].bytes >= at_least_bytes; ++next) {
      const cuda::Allocation& allocation = of_devices.large()[next];
      json.begin_object().key("memory").text(cuda::traits_of(allocation.kind).name).key("device");
      write_device_number(json, allocation.device);
      json.key("stack").number(stacks.number_of(allocation.origin.stack));
      write_allocation(json, allocation, clock);
      json.end_object();
    }
  };
  for (const Sample& block : snapshot.large()) {
    write_allocations_of(block.bytes);
    json.begin_object().key("memory").text(memory_name(block.memory));
    json.key("stack").number(stacks.number_of(block.stack));
    write_block(json, block, clock);
    json.end_object();
  }
  write_allocations_of(0);
  json.end_array();
}

}  // namespace weir::report
