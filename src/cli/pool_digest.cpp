#include "cli/pool_digest.h"

#include <algorithm>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

struct Figure {
  const char* key;  // in the report
  uint64_t PoolFigures::*place;
};
constexpr Figure kSums[] = {{"live_bytes", &PoolFigures::live_bytes},
                            {"allocated_bytes", &PoolFigures::allocated_bytes},
                            {"cached_bytes", &PoolFigures::cached_bytes},
                            {"quarantined_bytes", &PoolFigures::quarantined_bytes},
                            {"hit_count", &PoolFigures::hit_count},
                            {"miss_count", &PoolFigures::miss_count},
                            {"passed_count", &PoolFigures::passed_count},
                            {"saved_call_count", &PoolFigures::saved_call_count},
                            {"synchronise_count", &PoolFigures::synchronise_count},
                            {"driver_ns", &PoolFigures::driver_ns},
                            {"flush_count", &PoolFigures::flush_count},
                            {"flushed_bytes", &PoolFigures::flushed_bytes},
                            {"trim_count", &PoolFigures::trim_count},
                            {"trimmed_bytes", &PoolFigures::trimmed_bytes},
                            {"retry_count", &PoolFigures::retry_count},
                            {"retry_saved_count", &PoolFigures::retry_saved_count}};
constexpr Figure kHighest[] = {{"largest_cached_bytes", &PoolFigures::largest_cached_bytes},
                               {"reserved_peak_bytes", &PoolFigures::reserved_peak_bytes}};

void add_size(std::vector<PoolSize>& sizes, const PoolSize& size) {
  const auto known = std::find_if(sizes.begin(), sizes.end(),
                                  [&](const PoolSize& one) { return one.block_bytes == size.block_bytes; });
  if (known == sizes.end()) {
    sizes.push_back(size);
  } else {
    known->miss_count += size.miss_count;
  }
}

bool uses_pools(const Json& report) {
  const Json& devices = array_of(report, "devices");
  return std::any_of(devices.begin(), devices.end(),
                     [](const Json& device) { return !child(device, "pools").empty(); });
}

}  // namespace

double PoolFigures::fragmentation() const {
  if (cached_bytes == 0) return 0;
  return 1 - static_cast<double>(std::min(largest_cached_bytes, cached_bytes)) / static_cast<double>(cached_bytes);
}

void PoolFigures::add(const Json& pool) {
  if (pool.empty()) return;
  PoolFigures one;
  one.is_used = true;
  for (const Figure& sum : kSums) one.*sum.place = figure(pool, sum.key);
  for (const Figure& peak : kHighest) one.*peak.place = figure(pool, peak.key);
  one.event_call_count = figure(pool, "record_count") + figure(pool, "query_count");
  for (const Json& size : array_of(pool, "sizes"))
    one.sizes.push_back({figure(size, "block_bytes"), figure(size, "miss_count")});
  add(one);
}

void PoolFigures::add(const PoolFigures& other) {
  is_used |= other.is_used;
  for (const Figure& sum : kSums) this->*sum.place += other.*sum.place;
  for (const Figure& peak : kHighest) this->*peak.place = std::max(this->*peak.place, other.*peak.place);
  event_call_count += other.event_call_count;
  for (const PoolSize& size : other.sizes) add_size(sizes, size);
}

void HostPinFigures::add(const Json& pins) {
  register_count += figure(pins, "register_count");
  register_bytes += figure(pins, "register_bytes");
  refused_count += figure(pins, "refused_count");
  reuse_count += figure(pins, "reuse_count");
  copy_count += figure(pins, "copy_count");
  copy_bytes += figure(pins, "copy_bytes");
  driver_ns += figure(pins, "driver_ns");
  const std::string limitation = text_of(pins, "limitation");
  if (!limitation.empty()) limitations.insert(limitation);
}

void PoolState::add(const Json& report) {
  const Json& cuda = child(report, "cuda");
  const Json& pool = child(cuda, "pool");
  const std::string mode = text_of(pool, "mode"), limitation = text_of(pool, "limitation");
  if (!limitation.empty()) limitations_.insert(limitation);
  host_pins_.add(child(pool, "host_pins"));
  if (!uses_pools(report)) return;
  if (!mode.empty()) modes_.insert(mode);
  for (const auto& [variable, option] : child(report, "options").items())
    options_[variable].insert(text_of(option, "value"));
  duration_ns_ += figure(report["process"], "duration_ns");
  for (const Json& call : array_of(cuda, "calls")) {
    if (text_of(call, "name").starts_with("cuMemFree")) failed_free_count_ += figure(call, "failed_count");
  }
}

std::string PoolState::option(const std::string& variable) const {
  const auto found = options_.find(variable);
  return found != options_.end() && found->second.size() == 1 ? *found->second.begin() : std::string();
}

}  // namespace weir::cli
