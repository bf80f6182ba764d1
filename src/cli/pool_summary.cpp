#include "cli/pool_summary.h"

#include <algorithm>
#include <cstdlib>

#include "cli/error.h"

namespace weir::cli {
namespace {

constexpr double kShareThatCounts = 0.01;  // of the run's time
constexpr uint64_t kManyMisses = 100;      // of one size
constexpr uint64_t kManyTrims = 16;
constexpr uint64_t kManyWaits = 1000;
constexpr size_t kMostPrewarmSizes = 3;

std::string joined(const std::set<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string title_of(const PoolState& state) {
  const std::string modes = state.modes().empty() ? "not used" : joined(state.modes(), ", ");
  return "CUDA pools: " + modes +
         (state.limitations().empty() ? "" : " (limited: " + joined(state.limitations(), "; ") + ")");
}

// Rounded down: only all of them are 100 %.
std::string percent_text(uint64_t part, uint64_t whole) {
  constexpr uint64_t kPercent = 100;
  return std::to_string(whole == 0 ? 0 : part * kPercent / whole) + " %";
}

std::string work_text(const PoolFigures& pool) {
  const uint64_t asked = pool.hit_count + pool.miss_count;
  return plural(asked, "allocation") + ", hit rate " + percent_text(pool.hit_count, asked) +
         "; driver: " + plural(pool.saved_call_count, "call") + " saved, " + human_duration(pool.driver_ns) + " spent";
}

// What does not happen in every run; empty where nothing of it did. Pieces apart cost capacity in segments only: whole blocks go back
// to the driver one by one.
std::string incidents_text(const PoolFigures& pool, bool has_segments) {
  std::string text;
  const auto add = [&](const std::string& incident) { text += (text.empty() ? "" : "; ") + incident; };
  if (pool.passed_count > 0) add(human_count(pool.passed_count) + " passed on");
  if (pool.trim_count > 0) add(plural(pool.trim_count, "trim") + " of " + human_bytes(pool.trimmed_bytes));
  if (pool.flush_count > 0) add(plural(pool.flush_count, "flush"));
  if (pool.retry_count > 0)
    add(human_count(pool.retry_saved_count) + " of " + plural(pool.retry_count, "OOM retry") + " served");
  if (has_segments && pool.fragmentation() > 0)
    add("idle memory " + human_percent(pool.fragmentation()) + " fragmented");
  return text;
}

void write_pool(SummaryPage& page, const std::string& name, const PoolFigures& pool, bool has_segments) {
  if (!pool.is_used) return;
  page.row(name, work_text(pool));
  const std::string incidents = incidents_text(pool, has_segments);
  if (!incidents.empty()) page.row("", incidents);
}

std::string host_pins_text(const HostPinFigures& pins) {
  std::string text = human_count(pins.register_count) + " registered (" + human_bytes(pins.register_bytes) + ")";
  if (pins.refused_count > 0) text += ", " + human_count(pins.refused_count) + " refused";
  if (pins.reuse_count > 0) text += ", " + human_count(pins.reuse_count) + " handed out again";
  return text + "; " + plural(pins.copy_count, "copy") + " of " + human_bytes(pins.copy_bytes) +
         "; driver: " + human_duration(pins.driver_ns) + " spent";
}

void write_host_pins(SummaryPage& page, const HostPinFigures& pins) {
  if (!pins.is_used()) return;
  page.row("host blocks", host_pins_text(pins));
  if (!pins.limitations.empty()) page.row("", "limited: " + joined(pins.limitations, "; "));
}

// The part of the run's time that so many of the pool's calls of the driver took, if all took the same.
double time_share(const PoolFigures& pool, uint64_t calls, uint64_t duration_ns) {
  if (pool.driver_calls() == 0 || duration_ns == 0) return 0;
  return static_cast<double>(pool.driver_ns) * static_cast<double>(calls) / static_cast<double>(pool.driver_calls()) /
         static_cast<double>(duration_ns);
}

// As an option takes it, exactly: the pool hands a block out for its own size only.
std::string size_option(uint64_t bytes) {
  constexpr struct {
    const char* name;
    uint64_t bytes;
  } kUnits[] = {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}};
  for (const auto& unit : kUnits) {
    if (bytes > 0 && bytes % unit.bytes == 0) return std::to_string(bytes / unit.bytes) + unit.name;
  }
  return std::to_string(bytes) + "B";
}

std::string limit_option(uint64_t bytes) {
  constexpr uint64_t kMiB = 1ULL << 20;
  return size_option((bytes + kMiB - 1) / kMiB * kMiB);
}

bool is_set(const std::string& value) { return !value.empty() && value != "0" && value != "off" && value != "none"; }

struct Hint {
  std::string option, reason;
};
using Hints = std::vector<Hint>;

bool counts(const PoolFigures& pool, uint64_t calls, const PoolState& state) {
  return time_share(pool, calls, state.duration_ns()) >= kShareThatCounts;
}

// Memory went back to the driver and was taken from it anew.
bool took_back_and_forth(const PoolFigures& pool, const PoolState& state) {
  return pool.trim_count >= kManyTrims && pool.miss_count >= kManyMisses && counts(pool, pool.miss_count, state);
}

std::string back_and_forth_text(const PoolFigures& pool) {
  return human_bytes(pool.trimmed_bytes) + " given back in " + plural(pool.trim_count, "trim") + ", and " +
         plural(pool.miss_count, "allocation") + " took memory from the driver";
}

// A limit on idle memory that the most that was ever held goes beyond; false for none, and where it cannot be told.
bool is_tight(const std::string& limit, const PoolFigures& pool, uint64_t device_bytes) {
  constexpr double kPercent = 100;
  if (!is_set(limit)) return false;
  const auto held = static_cast<double>(pool.reserved_peak_bytes);
  if (limit.ends_with('%'))
    return held > static_cast<double>(device_bytes) * std::strtod(limit.c_str(), nullptr) / kPercent &&
           device_bytes > 0;
  try {
    return pool.reserved_peak_bytes > parse_size(limit, "");
  } catch (const Error&) {  // a report may come from anywhere
    return false;
  }
}

void hint_at_cache(Hints& hints, const CudaDevice& device, const PoolState& state) {
  const PoolFigures& pool = device.pool;
  const std::string idle = state.option("WEIR_CUDA_POOL_IDLE");
  if (is_tight(state.option("WEIR_CUDA_POOL_CACHE"), pool, device.total_bytes)) {
    hints.push_back({"WEIR_CUDA_POOL_CACHE=" + limit_option(pool.reserved_peak_bytes), back_and_forth_text(pool)});
  } else if (is_set(idle)) {
    hints.push_back({"WEIR_CUDA_POOL_IDLE longer than " + idle, back_and_forth_text(pool)});
  }
}

std::vector<PoolSize> most_missed(const PoolFigures& pool) {
  std::vector<PoolSize> sizes;
  for (const PoolSize& size : pool.sizes) {
    if (size.miss_count >= kManyMisses && size.block_bytes > 0 && size.block_bytes <= pool.reserved_peak_bytes)
      sizes.push_back(size);
  }
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const PoolSize& a, const PoolSize& b) { return a.miss_count > b.miss_count; });
  if (sizes.size() > kMostPrewarmSizes) sizes.resize(kMostPrewarmSizes);
  return sizes;
}

void hint_at_prewarm(Hints& hints, const PoolFigures& pool, const PoolState& state) {
  const std::vector<PoolSize> sizes = most_missed(pool);
  std::string list;
  uint64_t misses = 0;
  for (const PoolSize& size : sizes) {
    const uint64_t held_at_once = pool.reserved_peak_bytes / size.block_bytes;  // at most
    list += (list.empty() ? "" : ",") + size_option(size.block_bytes) + "*" +
            std::to_string(std::min(size.miss_count, held_at_once));
    misses += size.miss_count;
  }
  if (!counts(pool, misses, state) || is_set(state.option("WEIR_CUDA_POOL_PREWARM"))) return;
  hints.push_back({"WEIR_CUDA_POOL_PREWARM=" + list, plural(misses, "allocation") + " of " +
                                                         (sizes.size() == 1 ? "this size" : "these sizes") +
                                                         " took memory from the driver"});
}

void hint_at_waits(Hints& hints, const PoolFigures& pool, const PoolState& state) {
  const bool is_strict = state.modes() == std::set<std::string>{"strict"};
  if (!is_strict || pool.synchronise_count < kManyWaits || state.failed_free_count() > 0) return;
  if (!counts(pool, pool.synchronise_count, state)) return;
  hints.push_back({"WEIR_CUDA_POOL=on", plural(pool.synchronise_count, "free") +
                                            " would not wait for the device, nor return earlier errors (none did)"});
}

void hint_at_pinned(Hints& hints, const PoolFigures& pinned, const PoolState& state) {
  if (took_back_and_forth(pinned, state) && is_tight(state.option("WEIR_PINNED_POOL_MAX"), pinned, 0))
    hints.push_back({"WEIR_PINNED_POOL_MAX=" + limit_option(pinned.reserved_peak_bytes), back_and_forth_text(pinned)});
}

PoolFigures all_pinned(const CudaDigest& cuda) {
  PoolFigures sum;
  for (const CudaDevice& device : cuda.devices()) sum.add(device.pinned_pool);
  return sum;
}

// Options hold for all devices: those are told that would help the one whose pool was longest in the driver.
const CudaDevice* busiest(const CudaDigest& cuda) {
  const CudaDevice* busiest = nullptr;
  for (const CudaDevice& device : cuda.devices()) {
    if (device.pool.is_used && (busiest == nullptr || device.pool.driver_ns > busiest->pool.driver_ns))
      busiest = &device;
  }
  return busiest;
}

}  // namespace

void write_pools(SummaryPage& page, const CudaDigest& cuda) {
  const PoolFigures pinned = all_pinned(cuda);
  const bool is_used = pinned.is_used || busiest(cuda) != nullptr || cuda.pool_state().host_pins().is_used();
  if (!is_used && (cuda.devices().empty() || cuda.pool_state().limitations().empty())) return;
  page.heading(title_of(cuda.pool_state()));
  const bool has_segments = cuda.pool_state().modes().contains("vmm");
  for (const CudaDevice& device : cuda.devices()) write_pool(page, "device " + device.index, device.pool, has_segments);
  write_pool(page, "pinned", pinned, false);
  write_host_pins(page, cuda.pool_state().host_pins());
}

void write_pool_hints(SummaryPage& page, const CudaDigest& cuda) {
  Hints hints;
  const PoolState& state = cuda.pool_state();
  if (const CudaDevice* device = busiest(cuda)) {
    // What went back to the driver would do so again, made ready or not.
    took_back_and_forth(device->pool, state) ? hint_at_cache(hints, *device, state)
                                             : hint_at_prewarm(hints, device->pool, state);
    hint_at_waits(hints, device->pool, state);
  }
  hint_at_pinned(hints, all_pinned(cuda), state);
  if (hints.empty()) return;
  page.heading("Options that would make a difference");
  for (const Hint& hint : hints) {
    page.line("  " + page.style().cyan(hint.option));
    page.line("      " + hint.reason);
  }
}

}  // namespace weir::cli
