#include "report/heap_error_section.h"

#include "report/snapshot.h"
#include "track/heap_errors.h"

namespace weir::report {
namespace {

// null where the thread, and with it the time, is not known.
void write_when(JsonStream& json, core::ThreadId thread, uint64_t tick, const EventClock& clock) {
  const bool is_known = thread != core::ThreadId::unknown;
  json.key("ns");
  is_known ? void(json.number(clock.ns_of(tick))) : void(json.null());
  json.key("thread");
  is_known ? void(json.number(core::index_of(thread))) : void(json.null());
}

void write_allocation(JsonStream& json, const track::Block& block, StackIndex& stacks, const EventClock& clock) {
  json.key("allocation").begin_object().key("bytes").number(block.bytes);
  json.key("family").text(supplier_name(supplier_of(block.family)));
  if (block.align_log2 > 0) json.key("align_bytes").number(uint64_t{1} << block.align_log2);
  write_when(json, block.thread, block.tick, clock);
  json.key("stack").number(stacks.number_of(block.stack)).end_object();
}

void write_free(JsonStream& json, const track::HeapEvent& freed, StackIndex& stacks, const EventClock& clock) {
  json.key("free").begin_object();
  write_when(json, freed.thread, freed.tick, clock);
  json.key("stack");
  freed.stack == core::StackId::unknown ? void(json.null()) : void(json.number(stacks.number_of(freed.stack)));
  json.end_object();
}

// What the call said of the block.
void write_call(JsonStream& json, const track::HeapError& error) {
  json.key("call").text(error.call).key("address").address(error.address);
  if (error.said_bytes != track::kNotSaid) json.key("call_bytes").number(error.said_bytes);
  if (error.said_alignment > 0) json.key("call_align_bytes").number(error.said_alignment);
  if (error.place != nullptr) json.key("place").text(error.place);
}

void write_error(JsonStream& json, const track::HeapError& error, StackIndex& stacks, const EventClock& clock) {
  json.begin_object().key("memory").text(memory_name(Memory::host));
  json.key("kind").text(track::heap_error_name(error.kind));
  write_call(json, error);
  json.key("ns").number(clock.ns_of(error.event.tick));
  json.key("thread").number(core::index_of(error.event.thread));
  json.key("stack").number(stacks.number_of(error.event.stack)).key("count").number(error.count);
  if (error.has_block) {
    json.key("offset_bytes").signed_number(static_cast<int64_t>(error.address - error.block.address));
    write_allocation(json, error.block, stacks, clock);
  }
  if (error.was_freed) write_free(json, error.freed, stacks, clock);
  json.end_object();
}

}  // namespace

void write_host_errors(JsonStream& json, StackIndex& stacks, const EventClock& clock) {
  const size_t count = track::heap_error_count();
  for (size_t i = 0; i < count; ++i) write_error(json, track::heap_error(i), stacks, clock);
}

}  // namespace weir::report
