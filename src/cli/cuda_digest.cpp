#include "cli/cuda_digest.h"

#include <algorithm>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

void add_kind(std::vector<CudaKind>& kinds, const std::string& name, const Json& figures) {
  auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const CudaKind& known) { return known.name == name; });
  if (kind == kinds.end()) {
    kinds.emplace_back();
    kind = kinds.end() - 1;
    kind->name = name;
  }
  kind->alloc_count += figure(figures, "alloc_count");
  kind->failed_count += figure(figures, "failed_count");
  kind->live_count += figure(figures, "live_count");
  kind->live_bytes += figure(figures, "live_bytes");
  kind->live_taken_bytes += figure(figures, "live_taken_bytes");
  kind->peak_bytes = std::max(kind->peak_bytes, figure(figures, "peak_bytes"));
}

void take_highest(CudaDevice& device, const Json& entry) {
  if (figure(entry, "peak_bytes") > device.peak_bytes) {
    device.peak_bytes = figure(entry, "peak_bytes");
    device.peak_ns = figure(entry, "peak_ns");
  }
  const Json& driver = child(entry, "driver");
  if (figure(driver, "used_bytes") < device.used_bytes || driver.empty()) return;
  device.used_bytes = figure(driver, "used_bytes");
  device.total_bytes = figure(driver, "total_bytes");
  device.driver_and_context_bytes = figure(driver, "driver_and_context_bytes");
  device.driver_ns = figure(driver, "ns");
}

std::vector<StackLine> stack_of(const Json& report, const Json& entry, const char* key) {
  return entry.contains(key) ? stack_lines(report, entry[key].get<size_t>()) : std::vector<StackLine>();
}

}  // namespace

void CudaDigest::add(const Json& report) {
  const Json& cuda = child(report, "cuda");
  for (const Json& device : array_of(report, "devices")) add_device(device);
  for (const Json& transfers : array_of(cuda, "transfers")) add_transfers(report, transfers);
  for (const Json& event : array_of(report, "out_of_memory")) add_out_of_memory(report, event);
  pool_state_.add(report);
  out_of_memory_left_out_ += figure(cuda, "out_of_memory_left_out_count");
  was_not_tracked_ |= is_true(cuda, "present") && !is_true(cuda, "tracked");
}

void CudaDigest::add_device(const Json& entry) {
  const std::string index = number_text(entry, "index"), name = text_of(entry, "name");
  auto device = std::find_if(devices_.begin(), devices_.end(), [&](const CudaDevice& known) {
    return known.index == index && (known.name == name || known.name.empty() || name.empty());
  });
  if (device == devices_.end()) {
    devices_.emplace_back();
    device = devices_.end() - 1;
    device->index = index;
  }
  if (device->name.empty()) device->name = name;
  ++device->report_count;
  device->live_bytes += figure(entry, "live_bytes");
  take_highest(*device, entry);
  for (const auto& [kind, figures] : child(entry, "kinds").items()) add_kind(device->kinds, printable(kind), figures);
  const Json& pools = child(entry, "pools");
  device->pool.add(child(pools, "device"));
  device->pinned_pool.add(child(pools, "pinned"));
}

void CudaDigest::add_transfers(const Json& report, const Json& entry) {
  CudaTransfers transfers;
  transfers.direction = text_of(entry, "direction");
  transfers.host_memory = text_of(entry, "host_memory");
  transfers.call = text_of(entry, "call");
  transfers.is_synchronous = is_true(entry, "synchronous");
  transfers.stack = stack_of(report, entry, "stack");
  const std::string key = transfers.direction + '\n' + transfers.host_memory + '\n' + transfers.call + '\n' +
                          (transfers.is_synchronous ? "s" : "a") + key_of(transfers.stack);
  const auto [place, is_new] = transfer_places_.try_emplace(key, transfers_.size());
  if (is_new) transfers_.push_back(std::move(transfers));
  CudaTransfers& merged = transfers_[place->second];
  merged.count += figure(entry, "count");
  merged.bytes += figure(entry, "bytes");
  merged.small_count += figure(entry, "small_count");
  merged.ns += figure(entry, "ns");
}

void CudaDigest::add_out_of_memory(const Json& report, const Json& entry) {
  OutOfMemory event;
  event.request = site_of(report, entry);
  event.ns = figure(entry, "ns");
  event.live_bytes = figure(entry, "live_bytes");
  event.live_count = figure(entry, "live_count");
  for (const Json& holder : array_of(entry, "holders")) event.holders.push_back(site_of(report, holder));
  out_of_memory_.push_back(std::move(event));
}

}  // namespace weir::cli
