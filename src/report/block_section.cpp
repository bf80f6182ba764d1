#include "report/block_section.h"

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
  json.key("kind").text("live");
  json.key("bytes").number(leak.bytes);
  json.key("count").number(leak.count);
  if (track::sampling() && leak.memory == Memory::host) json.key("sample_count").number(leak.drawn_count);
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

}  // namespace

void write_leaks(JsonStream& json, const Snapshot& snapshot, StackIndex& stacks, const EventClock& clock) {
  json.begin_array();
  for (size_t i = 0; i < snapshot.leak_count(); ++i) write_leak(json, snapshot.leak(i), snapshot, stacks, clock);
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

void write_large(JsonStream& json, const Snapshot& snapshot, StackIndex& stacks, const EventClock& clock) {
  json.begin_array();
  for (const Sample& block : snapshot.large()) {
    json.begin_object().key("memory").text(memory_name(block.memory));
    json.key("stack").number(stacks.number_of(block.stack));
    write_block(json, block, clock);
    json.end_object();
  }
  json.end_array();
}

}  // namespace weir::report
