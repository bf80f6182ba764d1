#include "cli/merge_figures.h"

#include <algorithm>
#include <string_view>

#include "cli/capped_sum.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr size_t kMostFiles = 1000, kMostFilesMeanwhile = 4000;

// What names an entry of a list, and is no figure.
constexpr const char* kNames[] = {"block_bytes", "from_bytes", "node", "kind", "path", "name", "pattern"};

bool is_name(std::string_view key) {
  return key == "to_bytes" || key == "source" ||
         std::find(std::begin(kNames), std::end(kNames), key) != std::end(kNames);
}

const char* name_in(const Json& entry) {
  if (!entry.is_object()) return nullptr;
  const auto name =
      std::find_if(std::begin(kNames), std::end(kNames), [&](const char* key) { return entry.contains(key); });
  return name == std::end(kNames) ? nullptr : *name;
}

void add_value(Json& sum, const std::string& key, const Json& value) {
  if (value.is_object()) return add_figures(sum[key], value);
  if (value.is_array()) return add_entries(sum[key], value);
  if (value.is_boolean() && sum[key].is_boolean()) sum[key] = sum[key].get<bool>() || value.get<bool>();
  if (!value.is_number() || !sum[key].is_number() || is_name(key)) return;
  const uint64_t known = figure(sum, key.c_str()), more = value.is_number_unsigned() ? value.get<uint64_t>() : 0;
  if (key.ends_with("_ratio")) return;
  sum[key] = key.ends_with("_ns") ? std::max(known, more) : capped_sum(known, more);
}

Json ratio_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

void sort_by(Json& list, const char* key) {
  std::stable_sort(list.begin(), list.end(),
                   [key](const Json& a, const Json& b) { return figure(a, key) < figure(b, key); });
}

void keep_most_files(Json& mappings, size_t most) {
  Json& files = mappings["files"];
  if (!files.is_array() || files.size() <= most) return;
  std::stable_sort(files.begin(), files.end(),
                   [](const Json& a, const Json& b) { return figure(a, "mapped_bytes") > figure(b, "mapped_bytes"); });
  const uint64_t left_out = files.size() - kMostFiles;
  files.erase(files.begin() + static_cast<std::ptrdiff_t>(kMostFiles), files.end());
  mappings["file_left_out_count"] = capped_sum(figure(mappings, "file_left_out_count"), left_out);
}

bool all(const Json& sum, const Json& other, const char* key) { return is_true(sum, key) && is_true(other, key); }

void take_first_text(Json& sum, const Json& other, const char* key) {
  if (!sum.contains(key) || sum[key].is_null()) sum[key] = other.value(key, Json());
}

}  // namespace

void add_figures(Json& sum, const Json& other) {
  if (!other.is_object()) return;
  if (!sum.is_object()) sum = Json::object();
  for (const auto& [key, value] : other.items()) {
    if (sum.contains(key)) {
      add_value(sum, key, value);
    } else {
      sum[key] = value;
    }
  }
  if (sum.contains("files")) keep_most_files(sum, kMostFilesMeanwhile);
}

void add_entries(Json& sum, const Json& other) {
  for (const Json& entry : other) {
    const char* name = name_in(entry);
    if (name == nullptr) {
      if (std::find(sum.begin(), sum.end(), entry) == sum.end()) sum.push_back(entry);
      continue;
    }
    const auto known = std::find_if(sum.begin(), sum.end(), [&](const Json& candidate) {
      return candidate.is_object() && candidate.value(name, Json()) == entry[name] &&
             candidate.value("source", Json()) == entry.value("source", Json());
    });
    if (known == sum.end()) {
      sum.push_back(entry);
    } else {
      add_figures(*known, entry);
    }
  }
}

void settle_host(Json& host) {
  if (host.contains("size_classes")) sort_by(host["size_classes"], "block_bytes");
  if (host.contains("powers_of_two")) sort_by(host["powers_of_two"], "from_bytes");
  if (host.contains("mmap") && host["mmap"].is_object()) keep_most_files(host["mmap"], kMostFiles);
  if (!host.contains("pool") || !host["pool"].is_object()) return;
  Json& pool = host["pool"];
  uint64_t hits = 0, allocations = 0;
  for (const Json& row : array_of(host, "size_classes")) {
    hits = capped_sum(hits, figure(row, "hit_count"));
    allocations = capped_sum(allocations, figure(row, "alloc_count"));
  }
  const bool is_tracked = !host.contains("tracked") || is_true(host, "tracked");
  const uint64_t live = is_tracked ? figure(child(host, "totals"), "live_bytes") : figure(pool, "allocated_bytes");
  const uint64_t active = figure(pool, "active_bytes");
  pool["fragmentation_ratio"] = ratio_of(active > live ? active - live : 0, active);
  pool["utilization_ratio"] = ratio_of(figure(pool, "allocated_bytes"), figure(pool, "reserved_bytes"));
  pool["hit_rate_ratio"] = ratio_of(hits, allocations);
}

void add_cuda(Json& sum, const Json& other) {
  if (!other.is_object()) return;
  Json more = other;
  for (const char* key : {"transfers", "freed_with_context"}) more.erase(key);
  if (!sum.is_object()) {
    sum = std::move(more);
    return;
  }
  for (const char* key : {"tracked", "present"}) sum[key] = is_true(sum, key) || is_true(more, key);
  if (!sum.contains("pool") || sum["pool"].is_null()) sum["pool"] = more.value("pool", Json());
  if (more.contains("calls")) add_entries(sum["calls"], array_of(more, "calls"));
  for (const char* key : {"errors_left_out_count", "out_of_memory_left_out_count"})
    sum[key] = capped_sum(figure(sum, key), figure(more, key));
}

void add_leak_check(Json& sum, const Json& other) {
  if (!other.is_object()) return;
  if (!sum.is_object()) {
    sum = other;
    return;
  }
  for (const char* key : {"done", "recording"}) sum[key] = all(sum, other, key);
  for (const char* key : {"why_not", "in_doubt", "program_suppressions"}) take_first_text(sum, other, key);
  for (const char* key : {"scanned_bytes", "thread_count", "unknown_thread_count", "ignored_count", "unrecorded_count",
                          "unrecorded_bytes"})
    sum[key] = capped_sum(figure(sum, key), figure(other, key));
  sum["stopped_ns"] = std::max(figure(sum, "stopped_ns"), figure(other, "stopped_ns"));
  add_figures(sum["kinds"], child(other, "kinds"));
  if (other.contains("suppression_files")) add_entries(sum["suppression_files"], array_of(other, "suppression_files"));
  if (other.contains("suppressions")) add_entries(sum["suppressions"], array_of(other, "suppressions"));
}

void add_sampling(Json& sum, const Json& other) {
  if (!other.is_object()) return;
  if (!sum.is_object()) {
    sum = other;
    return;
  }
  sum["mean_bytes"] = std::max(figure(sum, "mean_bytes"), figure(other, "mean_bytes"));
  sum["sample_count"] = capped_sum(figure(sum, "sample_count"), figure(other, "sample_count"));
}

}  // namespace weir::cli
