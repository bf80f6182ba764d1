#include "report/device_pools.h"

#include <cstring>

#include "core/print.h"
#include "cuda/allocation.h"
#include "cuda/pool/host_pins.h"
#include "cuda/pool/pool_warnings.h"
#include "options/options.h"
#include "report/device_section.h"

namespace weir::report {
namespace {

using cuda::pool::Figures;
using cuda::pool::Memory;
using cuda::pool::SizeFigures;

constexpr size_t kMostSizes = 16;

const char* mode_name(cuda::pool::Mode mode) {
  constexpr const char* kNames[] = {"strict", "on", "off", "vmm"};
  return kNames[static_cast<size_t>(mode)];
}

// Those that the host's pool has too have its names; here active is allocated, and capacity is reserved.
void write_bytes(JsonStream& json, const Figures& figures) {
  const uint64_t reserved = figures.reserved_bytes();
  json.key("allocated_bytes").number(figures.live_bytes);
  json.key("live_bytes").number(figures.live_asked_bytes).key("live_count").number(figures.live_count);
  json.key("reserved_bytes").number(reserved);
  json.key("reserved_peak_bytes").number(figures.peak_reserved_bytes);
  json.key("active_bytes").number(figures.live_bytes);
  json.key("cached_bytes").number(figures.cached_bytes).key("cached_count").number(figures.cached_count);
  json.key("largest_cached_bytes").number(figures.largest_cached_bytes);
  json.key("quarantined_bytes").number(figures.quarantined_bytes);
  json.key("quarantined_count").number(figures.quarantined_count);
  json.key("capacity_bytes").number(reserved);
  json.key("peak_bytes").number(figures.peak_live_bytes);
}

void write_ratios(JsonStream& json, const Figures& figures) {
  json.key("fragmentation_ratio").ratio(figures.fragmentation_ratio());
  json.key("utilization_ratio").ratio(figures.utilization_ratio());
  json.key("hit_rate_ratio").ratio(figures.hit_ratio());
}

void write_requests(JsonStream& json, const Figures& figures) {
  json.key("hit_count").number(figures.hit_count).key("hit_bytes").number(figures.hit_bytes);
  json.key("miss_count").number(figures.miss_count).key("miss_bytes").number(figures.miss_bytes);
  json.key("passed_count").number(figures.passed_count);
  json.key("kept_count").number(figures.kept_count).key("returned_count").number(figures.returned_count);
}

void write_driver_calls(JsonStream& json, const Figures& figures, const EventClock& clock) {
  json.key("saved_call_count").number(figures.saved_calls());
  json.key("synchronise_count").number(figures.synchronise_count);
  json.key("record_count").number(figures.record_count).key("query_count").number(figures.query_count);
  json.key("driver_ns").number(clock.ns_of_cycles(figures.driver_cycles));
}

void write_returns(JsonStream& json, const Figures& figures) {
  json.key("flush_count").number(figures.flush_count).key("flushed_bytes").number(figures.flushed_bytes);
  json.key("trim_count").number(figures.trim_count).key("trimmed_bytes").number(figures.trimmed_bytes);
  json.key("retry_count").number(figures.retry_count);
  json.key("retry_saved_count").number(figures.retry_saved_count);
  json.key("prewarmed_count").number(figures.prewarmed_count);
  json.key("prewarmed_bytes").number(figures.prewarmed_bytes);
  json.key("compaction_count").number(figures.compaction_count);
  json.key("compacted_bytes").number(figures.compacted_bytes);
}

void write_sizes(JsonStream& json, std::span<const SizeFigures> sizes) {
  json.begin_array();
  for (const SizeFigures& size : sizes) {
    json.begin_object().key("block_bytes").number(size.bytes);
    json.key("hit_count").number(size.hit_count).key("miss_count").number(size.miss_count);
    json.key("cached_count").number(size.cached_count).end_object();
  }
  json.end_array();
}

template <size_t N>
void write_if_used(JsonStream& json, const char (&name)[N], Memory memory, int device, const EventClock& clock) {
  const Figures figures = cuda::pool::figures(memory, device);
  if (!figures.is_used) return;
  SizeFigures sizes[kMostSizes];
  const size_t count = cuda::pool::frequent_sizes(memory, device, sizes, kMostSizes);
  json.key(name);
  write_pool(json, figures, {sizes, count}, clock);
}

bool concerns_pools(const char* variable) {
  constexpr const char* kBeginnings[] = {"WEIR_CUDA_POOL",        "WEIR_PINNED_POOL",   "WEIR_HOST_PIN_ABOVE",
                                         "WEIR_TRIM_ON_PRESSURE", "WEIR_COMPACT_ABOVE", "WEIR_WARN_"};
  for (const char* beginning : kBeginnings) {
    if (strncmp(variable, beginning, strlen(beginning)) == 0) return true;
  }
  return false;
}

void write_options(JsonStream& json) {
  json.begin_object();
  for (size_t i = 0; i < options::row_count(); ++i) {
    const options::Row row = options::row(i);
    if (concerns_pools(row.variable)) json.text_key(row.variable).text(row.value_text);
  }
  json.end_object();
}

void write_host_pins(JsonStream& json, const EventClock& clock) {
  if (!cuda::pool::host_pins_are_on) return void(json.null());
  const cuda::pool::HostPinFigures figures = cuda::pool::host_pin_figures();
  json.begin_object().key("limitation").text(cuda::pool::why_host_pins_stopped());
  json.key("registered_bytes").number(figures.registered_bytes);
  json.key("registered_count").number(figures.registered_count);
  json.key("peak_bytes").number(figures.peak_bytes);
  json.key("aside_bytes").number(figures.aside_bytes).key("aside_count").number(figures.aside_count);
  json.key("register_count").number(figures.register_count).key("register_bytes").number(figures.register_bytes);
  json.key("refused_count").number(figures.refused_count);
  json.key("unregister_count").number(figures.unregister_count).key("reuse_count").number(figures.reuse_count);
  json.key("copy_count").number(figures.copy_count).key("copy_bytes").number(figures.copy_bytes);
  json.key("wait_count").number(figures.wait_count);
  json.key("driver_ns").number(clock.ns_of_cycles(figures.driver_cycles)).end_object();
}

void append_percent(core::TextBuffer& text, double ratio) {
  constexpr double kPercent = 100;
  text.decimal(static_cast<uint64_t>(ratio * kPercent + 0.5)).text(" %");
}

void append_warning(core::TextBuffer& text, const cuda::pool::Warning& warning) {
  const bool is_utilization = warning.kind == cuda::pool::WarningKind::utilization;
  append_percent(text, warning.ratio);
  text.text(is_utilization ? " of the memory of " : " of the pool's idle memory of ");
  if (warning.device == cuda::kNoDevice) {
    text.text("the host");
  } else {
    text.text("device ").decimal(static_cast<uint64_t>(warning.device));
  }
  text.text(is_utilization ? " was in use" : " was in fragments");
  if (warning.count > 1) {
    text.text(", later up to ");
    append_percent(text, warning.highest_ratio);
  }
  text.text(is_utilization ? ": above WEIR_WARN_UTILIZATION" : ": above WEIR_WARN_FRAGMENTATION");
}

void write_warning(JsonStream& json, const cuda::pool::Warning& warning, const EventClock& clock) {
  char storage[200];
  core::TextBuffer text(storage);
  append_warning(text, warning);
  json.begin_object().key("text").text(text.c_str());
  json.key("kind").text(cuda::pool::warning_name(warning.kind)).key("device");
  write_device_number(json, warning.device);
  json.key("ns").number(clock.ns_of(warning.tick)).key("ratio").ratio(warning.ratio);
  json.key("highest_ratio").ratio(warning.highest_ratio).key("count").number(warning.count).end_object();
}

}  // namespace

bool uses_pools(int device) {
  return cuda::pool::figures(Memory::device, device).is_used || cuda::pool::figures(Memory::pinned, device).is_used;
}

void write_pools(JsonStream& json, int device, const EventClock& clock) {
  json.begin_object();
  write_if_used(json, "device", Memory::device, device, clock);
  write_if_used(json, "pinned", Memory::pinned, device, clock);
  json.end_object();
}

void write_pool(JsonStream& json, const Figures& figures, std::span<const SizeFigures> sizes, const EventClock& clock) {
  json.begin_object();
  write_bytes(json, figures);
  write_ratios(json, figures);
  write_requests(json, figures);
  write_driver_calls(json, figures, clock);
  write_returns(json, figures);
  json.key("sizes");
  write_sizes(json, sizes);
  json.end_object();
}

void write_pool_state(JsonStream& json, const EventClock& clock) {
  json.begin_object().key("mode").text(mode_name(cuda::pool::mode()));
  json.key("limitation").text(cuda::pool::limitation()).key("options");
  write_options(json);
  json.key("host_pins");
  write_host_pins(json, clock);
  json.end_object();
}

void write_pool_warnings(JsonStream& json, const EventClock& clock) {
  for (size_t i = 0; i < cuda::pool::warning_count(); ++i) write_warning(json, cuda::pool::warning(i), clock);
}

}  // namespace weir::report
