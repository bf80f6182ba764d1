#include "report/device_section.h"

#include "core/print.h"
#include "cuda/allocation_table.h"
#include "cuda/call.h"
#include "cuda/call_names.h"
#include "cuda/contexts.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/heap_errors.h"
#include "cuda/hooks.h"
#include "cuda/out_of_memory.h"
#include "cuda/transfers.h"
#include "report/device_pools.h"

namespace weir::report {
namespace {

const char* memory_name(cuda::Kind kind) { return cuda::traits_of(kind).name; }

bool is_unused(const cuda::KindFigures& figures) { return figures.alloc_count == 0 && figures.failed_count == 0; }

void write_kind(JsonStream& json, const cuda::KindFigures& figures) {
  json.begin_object();
  json.key("alloc_count").number(figures.alloc_count).key("alloc_bytes").number(figures.alloc_bytes);
  json.key("free_count").number(figures.free_count).key("free_bytes").number(figures.free_bytes);
  json.key("context_freed_count").number(figures.context_freed_count);
  json.key("context_freed_bytes").number(figures.context_freed_bytes);
  json.key("live_count").number(figures.live_count()).key("live_bytes").number(figures.live_bytes());
  json.key("live_taken_bytes").number(figures.live_taken_bytes);
  json.key("peak_bytes").number(figures.peak_bytes);
  json.key("failed_count").number(figures.failed_count).end_object();
}

void write_kinds(JsonStream& json, const cuda::DeviceFigures& figures) {
  json.begin_object();
  for (size_t i = 0; i < cuda::kKinds; ++i) {
    if (is_unused(figures.kinds[i])) continue;
    json.text_key(memory_name(static_cast<cuda::Kind>(i)));
    write_kind(json, figures.kinds[i]);
  }
  json.end_object();
}

void write_driver_memory(JsonStream& json, const cuda::DeviceMemory& memory, const EventClock& clock) {
  if (memory.total_bytes == 0) return void(json.text(nullptr));
  const uint64_t told = memory.known_bytes + memory.pool_idle_bytes;
  const uint64_t own = memory.used_bytes > told ? memory.used_bytes - told : 0;
  json.begin_object().key("used_bytes").number(memory.used_bytes).key("total_bytes").number(memory.total_bytes);
  json.key("known_bytes").number(memory.known_bytes);
  json.key("pool_idle_bytes").number(memory.pool_idle_bytes).key("driver_and_context_bytes").number(own);
  json.key("ns").number(clock.ns_of(memory.tick)).end_object();
}

void write_device(JsonStream& json, int device, const cuda::DeviceFigures& figures, const EventClock& clock) {
  const cuda::DeviceMemory memory = cuda::device_memory(device);
  json.begin_object().key("index");
  write_device_number(json, device);
  json.key("name").text(memory.name[0] == '\0' ? nullptr : memory.name);
  json.key("live_bytes").number(figures.live_bytes).key("peak_bytes").number(figures.peak_bytes);
  json.key("peak_ns").number(clock.ns_of(figures.peak_tick)).key("driver");
  write_driver_memory(json, memory, clock);
  json.key("kinds");
  write_kinds(json, figures);
  if (device != cuda::kNoDevice) {
    json.key("pools");
    write_pools(json, device, clock);
  }
  json.end_object();
}

void write_calls(JsonStream& json) {
  for (size_t i = 0; i < cuda::kEntries; ++i) {
    const uint64_t count = cuda::entry_counts[i].call_count.load(std::memory_order_relaxed);
    if (count == 0) continue;
    json.begin_object().key("name").text(cuda::entry_name(static_cast<cuda::Entry>(i)));
    json.key("count").number(count);
    json.key("failed_count").number(cuda::entry_counts[i].failed_count.load(std::memory_order_relaxed)).end_object();
  }
}

void write_freed_with_context(JsonStream& json, StackIndex& stacks) {
  for (size_t i = 0; i < cuda::freed_with_context_count(); ++i) {
    const cuda::FreedWithContext& freed = cuda::freed_with_context(i);
    json.begin_object().key("memory").text(memory_name(freed.kind)).key("device");
    write_device_number(json, freed.device);
    json.key("bytes").number(freed.bytes).key("count").number(freed.count);
    json.key("stack").number(stacks.number_of(freed.stack)).end_object();
  }
}

struct TransferWriter {
  JsonStream& json;
  StackIndex& stacks;
  const EventClock& clock;

  void write(const cuda::Transfers& transfers) const {
    const cuda::TransferKey& key = transfers.key;
    json.begin_object().key("direction").text(cuda::direction_name(key.direction));
    json.key("host_memory").text(cuda::host_memory_name(key.host_memory));
    json.key("synchronous").boolean(key.is_synchronous);
    json.key("call").text(cuda::call_name_of(key.stack, static_cast<cuda::Entry>(key.entry)));
    json.key("count").number(transfers.count).key("bytes").number(transfers.bytes);
    json.key("small_count").number(transfers.small_count);
    if (key.is_synchronous) write_speed(transfers);
    json.key("stack").number(stacks.number_of(key.stack)).end_object();
  }

 private:
  void write_speed(const cuda::Transfers& transfers) const {
    constexpr double kNsPerSecond = 1e9;
    const uint64_t ns = clock.ns_of_cycles(transfers.cycles);
    json.key("ns").number(ns);
    if (ns == 0) return;
    const double bytes_per_second = static_cast<double>(transfers.bytes) * kNsPerSecond / static_cast<double>(ns);
    json.key("bytes_per_second").number(static_cast<uint64_t>(bytes_per_second));
  }
};

void write_transfers(JsonStream& json, StackIndex& stacks, const EventClock& clock) {
  TransferWriter writer{json, stacks, clock};
  cuda::for_each_transfer(
      [](void* context, const cuda::Transfers& transfers) { static_cast<TransferWriter*>(context)->write(transfers); },
      &writer);
}

void write_origin(JsonStream& json, const cuda::Origin& origin, StackIndex& stacks, const EventClock& clock) {
  json.key("ns").number(clock.ns_of(origin.tick)).key("thread").number(core::index_of(origin.thread));
  json.key("stack").number(stacks.number_of(origin.stack));
}

void write_error(JsonStream& json, const cuda::HeapError& error, StackIndex& stacks, const EventClock& clock) {
  json.begin_object().key("kind").text(cuda::heap_error_name(error.kind)).key("call").text(error.call.call);
  json.key("address").address(error.call.key).key("result").signed_number(static_cast<int>(error.call.result));
  write_origin(json, error.call.origin, stacks, clock);
  if (error.has_allocation) {
    const cuda::Allocation& allocation = error.allocation;
    json.key("memory").text(memory_name(allocation.kind)).key("device");
    write_device_number(json, allocation.device);
    json.key("bytes").number(allocation.bytes).key("offset_bytes").number(error.call.key - allocation.key);
    json.key("alloc_call").text(allocation.call);
    json.key("alloc_stack").number(stacks.number_of(allocation.origin.stack));
  }
  if (error.kind == cuda::HeapErrorKind::double_free) {
    json.key("free_stack").number(stacks.number_of(error.freed_by.stack));
    json.key("free_ns").number(clock.ns_of(error.freed_by.tick));
  }
  json.end_object();
}

void write_holders(JsonStream& json, const cuda::OutOfMemory& event, StackIndex& stacks) {
  json.begin_array();
  for (size_t i = 0; i < event.holder_count; ++i) {
    const cuda::Holder& holder = event.holders[i];
    json.begin_object().key("memory").text(memory_name(holder.kind));
    json.key("bytes").number(holder.bytes).key("count").number(holder.count);
    json.key("stack").number(stacks.number_of(holder.stack)).end_object();
  }
  json.end_array();
}

void write_unrecognised_warning(JsonStream& json) {
  if (cuda::unrecognised_count() == 0) return;
  char storage[200];
  core::TextBuffer text(storage);
  text.text(
      "CUDA's driver gave the program functions at addresses that it does not export, whose calls were not seen: ");
  text.text(cuda::first_unrecognised()).text(" and ").decimal(cuda::unrecognised_count() - 1).text(" more");
  json.begin_object().key("text").text(text.c_str()).end_object();
}

// Where no driver was met, none of the functions of CUDA's part is called: its code then is not even read from the file.
bool has_cuda() { return cuda::driver_was_bound(); }

}  // namespace

void write_device_number(JsonStream& json, int device) {
  if (device == cuda::kNoDevice) {
    json.text(nullptr);
  } else {
    json.signed_number(device);
  }
}

void write_devices(JsonStream& json, const EventClock& clock) {
  json.begin_array();
  for (int device = 0; device <= cuda::kMostDevices && has_cuda(); ++device) {
    const int number = device == cuda::kMostDevices ? cuda::kNoDevice : device;  // what belongs to none comes last
    const cuda::DeviceFigures figures = cuda::device_figures(number);
    if (figures.is_used || (number != cuda::kNoDevice && uses_pools(number)))
      write_device(json, number, figures, clock);
  }
  json.end_array();
}

void write_cuda(JsonStream& json, StackIndex& stacks, const EventClock& clock) {
  json.begin_object().key("tracked").boolean(cuda::takes_part());
  json.key("present").boolean(cuda::driver_was_bound()).key("pool");
  has_cuda() ? write_pool_state(json, clock) : void(json.null());
  json.key("calls").begin_array();
  if (has_cuda()) write_calls(json);
  json.end_array().key("transfers").begin_array();
  if (has_cuda()) write_transfers(json, stacks, clock);
  json.end_array().key("freed_with_context").begin_array();
  if (has_cuda()) write_freed_with_context(json, stacks);
  json.end_array();
  json.key("errors_left_out_count").number(has_cuda() ? cuda::heap_errors_left_out_count() : 0);
  json.key("out_of_memory_left_out_count").number(has_cuda() ? cuda::out_of_memory_left_out_count() : 0);
  json.end_object();
}

void write_device_errors(JsonStream& json, StackIndex& stacks, const EventClock& clock) {
  const size_t count = has_cuda() ? cuda::heap_error_count() : 0;
  for (size_t i = 0; i < count; ++i) write_error(json, cuda::heap_error(i), stacks, clock);
}

void write_device_warnings(JsonStream& json, const EventClock& clock) {
  if (!has_cuda()) return;
  write_unrecognised_warning(json);
  write_pool_warnings(json, clock);
}

void write_device_out_of_memory(JsonStream& json, StackIndex& stacks, const EventClock& clock) {
  const size_t count = has_cuda() ? cuda::out_of_memory_count() : 0;
  for (size_t i = 0; i < count; ++i) {
    const cuda::OutOfMemory& event = cuda::out_of_memory(i);
    if (!__atomic_load_n(&event.is_whole, __ATOMIC_ACQUIRE)) continue;
    json.begin_object().key("memory").text(memory_name(event.request.kind)).key("device");
    write_device_number(json, event.request.device);
    json.key("call").text(event.request.call).key("bytes").number(event.request.bytes);
    write_origin(json, event.request.origin, stacks, clock);
    json.key("live_bytes").number(event.live_bytes).key("live_count").number(event.live_count).key("holders");
    write_holders(json, event, stacks);
    json.end_object();
  }
}

}  // namespace weir::report
