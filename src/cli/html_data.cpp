#include "cli/html_data.h"

#include <algorithm>
#include <array>
#include <map>

#include "cli/cuda_digest.h"
#include "cli/heap_error_digest.h"
#include "cli/heap_error_summary.h"
#include "cli/html_stacks.h"
#include "cli/json_access.h"
#include "cli/memory_table.h"
#include "cli/process_text.h"

namespace weir::cli {
namespace {

Json figures_of(const Json& object, std::initializer_list<const char*> keys) {
  Json figures = Json::object();
  for (const char* key : keys) figures[key] = figure(object, key);
  return figures;
}

Moment moment_of_report(const Json& report) {
  const Json& processes = array_of(report, "processes");
  Moment moment = moment_of(processes.empty() ? report["process"] : processes[0]);
  for (const Json& process : processes) moment = together(moment, moment_of(process));
  return moment;
}

Json process_data(const Json& report) {
  const Json& process = report["process"];
  return {{"program", program_of(report)},
          {"command", command_of(process)},
          {"pid", figure(process, "pid")},
          {"end", end_of(process)},
          {"moment", moment_text(moment_of_report(report))},
          {"duration_ns", figure(process, "duration_ns")},
          {"start", text_of(process, "start")},
          {"host", text_of(process, "host")},
          {"rank", text_of(process, "rank")}};
}

// A merged report's; empty for one process's. `definite` is as it was found, whatever is excused.
Json processes_data(const Json& report) {
  Json rows = Json::array();
  for (const Json& process : array_of(report, "processes")) {
    Json row = figures_of(process, {"pid", "duration_ns"});
    row["program"] = program_of_process(process);
    row["command"] = command_of(process);
    row["end"] = end_of(process);
    for (const char* key : {"start", "host", "rank"}) row[key] = text_of(process, key);
    row.update(figures_of(child(process, "host_totals"), {"live_bytes", "live_count", "peak_bytes", "peak_ns"}));
    const Json& definite = child(child(process, "leak_kinds"), "definite");
    row["definite_bytes"] = figure(definite, "bytes");
    row["definite_count"] = figure(definite, "count");
    rows.push_back(std::move(row));
  }
  return rows;
}

Json host_data(const Json& host) {
  const Json& pool = child(host, "pool");
  Json data = {
      {"tracked", !host.contains("tracked") || is_true(host, "tracked")},
      {"metadata_bytes", figure(host, "metadata_bytes")},
      {"totals", figures_of(child(host, "totals"),
                            {"alloc_count", "alloc_bytes", "temporary_count", "live_count", "live_bytes", "peak_bytes",
                             "peak_ns", "inherited_count", "inherited_bytes", "failed_count", "thread_count"})},
      {"pool", figures_of(pool, {"reserved_bytes", "capacity_bytes", "active_bytes", "cached_bytes"})},
      {"mmap",
       figures_of(child(child(host, "mmap"), "totals"), {"map_count", "mapped_bytes", "live_bytes", "peak_bytes"})},
      {"resident", figures_of(child(host, "process_memory"), {"rss_bytes", "peak_rss_bytes"})}};
  data["pool"]["enabled"] = is_true(pool, "enabled");
  data["pool"]["fragmentation_ratio"] = ratio(pool, "fragmentation_ratio");
  return data;
}

Json memory_data(const Json& report, const CudaDigest& cuda) {
  FrameworkCacheSums caches;
  for (const Json& leak : report["leaks"]) {
    if (leak.contains("framework_cache"))
      caches.add(text_of(leak, "memory"), number_text(leak, "device"), figure(leak, "bytes"));
  }
  Json rows = Json::array();
  for (const MemoryRow& row : memory_rows(report["host"], cuda, caches)) {
    rows.push_back({{"name", row.name},
                    {"total", row.total_bytes},
                    {"live", row.live_bytes},
                    {"framework", row.framework_bytes},
                    {"cached", row.cached_bytes},
                    {"quarantine", row.quarantine_bytes},
                    {"fragments", row.fragment_bytes},
                    {"other", row.other_bytes}});
  }
  return rows;
}

Json device_data(const CudaDigest& cuda) {
  Json devices = Json::array();
  for (const CudaDevice& device : cuda.devices()) {
    if (device.index.empty()) continue;
    devices.push_back({{"index", device.index},
                       {"name", device.name},
                       {"live_bytes", device.live_bytes},
                       {"peak_bytes", device.peak_bytes},
                       {"peak_ns", device.peak_ns},
                       {"used_bytes", device.used_bytes},
                       {"total_bytes", device.total_bytes}});
  }
  return devices;
}

// A list of stacks by columns: entries that differ in nothing that the page shows are one. A text column has the numbers of texts.
class Columns {
 public:
  Columns(PageStacks& tree, TextTable& texts, std::vector<const char*> text_keys, std::vector<const char*> figure_keys)
      : tree_(tree), texts_(texts), text_keys_(std::move(text_keys)), figure_keys_(std::move(figure_keys)) {}

  void add(const Json& entry) {
    std::vector<uint32_t> key = {tree_.node_of(entry["stack"].get<size_t>())};
    for (const char* name : text_keys_) key.push_back(texts_.number_of(word_of(entry, name)));
    std::vector<uint64_t>& sums = rows_.try_emplace(std::move(key), figure_keys_.size(), 0).first->second;
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += figure(entry, figure_keys_[i]);
  }

  Json to_json() const {
    Json columns = {{"node", Json::array()}};
    for (const char* name : text_keys_) columns[name] = Json::array();
    for (const char* name : figure_keys_) columns[name] = Json::array();
    for (const auto& [key, sums] : rows_) {
      columns["node"].push_back(key[0]);
      for (size_t i = 0; i < text_keys_.size(); ++i) columns[text_keys_[i]].push_back(key[i + 1]);
      for (size_t i = 0; i < sums.size(); ++i) columns[figure_keys_[i]].push_back(sums[i]);
    }
    return columns;
  }

 private:
  static std::string word_of(const Json& entry, const char* key) {
    const std::string text = text_of(entry, key);
    return text.empty() ? number_text(entry, key) : text;  // a device is a number
  }

  PageStacks& tree_;
  TextTable& texts_;
  const std::vector<const char*> text_keys_, figure_keys_;
  std::map<std::vector<uint32_t>, std::vector<uint64_t>> rows_;
};

Json columns_of(const Json& entries, Columns columns) {
  for (const Json& entry : entries) columns.add(entry);
  return columns.to_json();
}

Json lists_data(const Json& report, PageStacks& tree, TextTable& texts) {
  return {
      {"leaks", columns_of(report["leaks"],
                           {tree,
                            texts,
                            {"memory", "kind", "device", "call", "suppressed", "runtime", "framework_cache", "reason"},
                            {"bytes", "count", "taken_bytes", "indirect_bytes", "indirect_count"}})},
      {"peak", columns_of(report["peak"], {tree, texts, {"memory"}, {"bytes", "count"}})},
      {"hot_sites",
       columns_of(report["hot_sites"], {tree, texts, {"memory"}, {"alloc_bytes", "alloc_count", "temporary_count"}})}};
}

Json left_out_data(const PartOfReport& part) {
  Json rows = Json::array();
  for (const LeftOutSum& sum : part.left_out) {
    rows.push_back({{"list", sum.list},
                    {"memory", sum.memory},
                    {"kind", sum.kind},
                    {"by_page", true},
                    {"stack_count", sum.stack_count},
                    {"bytes", sum.bytes},
                    {"count", sum.count}});
  }
  const Json& by_report = child(part.report["host"], "peak_left_out");
  if (figure(by_report, "stack_count") > 0) {
    Json row = {{"list", "peak"}, {"memory", "host"}, {"kind", ""}, {"by_page", false}};
    row.update(figures_of(by_report, {"stack_count", "bytes", "count"}));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json error_data(const HeapErrorDigest& digest, PageStacks& tree) {
  Json rows = Json::array();
  for (const HeapError& error : digest.errors()) {
    Json moments = Json::array();
    for (const HeapErrorMoment& moment : moments_of(error))
      moments.push_back({{"text", moment.text}, {"node", tree.node_of(moment.stack)}});
    rows.push_back({{"kind", error.kind},
                    {"text", fault_text(error) + occasion_text(error)},
                    {"count", error.count},
                    {"moments", std::move(moments)}});
  }
  return {{"rows", std::move(rows)}, {"left_out_count", digest.left_out()}};
}

Json options_data(const Json& report) {
  Json rows = Json::array();
  for (const auto& [variable, option] : child(report, "options").items()) {
    if (!option.is_object()) continue;
    rows.push_back(
        {{"name", printable(variable)}, {"value", text_of(option, "value")}, {"default", is_true(option, "default")}});
  }
  return rows;
}

Json warnings_data(const Json& report) {
  std::map<std::string, uint64_t> counts;
  for (const Json& warning : report["warnings"]) ++counts[text_of(warning, "text")];
  Json rows = Json::array();
  for (const auto& [text, count] : counts) rows.push_back({{"text", text}, {"count", count}});
  return rows;
}

Json leak_check_data(const Json& report) {
  const Json& check = child(report, "leak_check");
  return {{"done", is_true(check, "done")},
          {"why_not", text_of(check, "why_not")},
          {"in_doubt", text_of(check, "in_doubt")}};
}

// Numbers and nulls of the points; a list of another length, which no report has, is cut or filled up.
Json points_of(const Json& course, const char* key, size_t count) {
  const Json& values = array_of(course, key);
  Json points = Json::array();
  for (size_t i = 0; i < count; ++i) {
    const bool is_known = i < values.size() && values[i].is_number_unsigned();
    points.push_back(is_known ? values[i] : Json());
  }
  return points;
}

Json course_data(const Json& course, std::initializer_list<const char*> keys) {
  const Json& times = array_of(course, "ns");
  Json data = {{"spacing_ns", figure(course, "spacing_ns")}, {"ns", Json::array()}};
  uint64_t latest = 0;
  for (const Json& ns : times) {
    if (ns.is_number_unsigned()) latest = std::max(latest, ns.get<uint64_t>());
    data["ns"].push_back(latest);
  }
  for (const char* key : keys) data[key] = points_of(course, key, times.size());
  return data;
}

// Whose course a merged report has: the index of the first process with that peak; null where none has it.
Json process_of_timeline(const Json& report) {
  const Json& peak = child(child(report, "timeline"), "peak");
  const Json& processes = array_of(report, "processes");
  for (size_t i = 0; i < processes.size(); ++i) {
    const Json& totals = child(processes[i], "host_totals");
    const bool has_peak = figure(totals, "peak_bytes") == figure(peak, "bytes");
    if (has_peak && figure(totals, "peak_ns") == figure(peak, "ns")) return i;  // guard: merged-course
  }
  return nullptr;
}

Json timeline_data(const Json& report) {
  const Json& timeline = child(report, "timeline");
  if (!timeline.contains("interval_ns")) return nullptr;
  Json devices = Json::array();
  for (const Json& device : array_of(timeline, "devices")) {
    Json course = course_data(device, {"live_bytes", "reserved_bytes", "idle_bytes", "pinned_bytes"});
    course["index"] = figure(device, "index");
    devices.push_back(std::move(course));
  }
  return {{"interval_ns", figure(timeline, "interval_ns")},
          {"estimated", is_true(timeline, "estimated")},
          {"process", process_of_timeline(report)},
          {"host", course_data(child(timeline, "host"), {"live_bytes", "live_count", "reserved_bytes", "mapped_bytes",
                                                         "rss_bytes", "peak_rss_bytes"})},
          {"devices", std::move(devices)}};
}

Json sampling_data(const Json& report) {
  const Json& sampling = child(report, "sampling");
  return is_true(sampling, "estimated") ? figures_of(sampling, {"mean_bytes", "sample_count"}) : Json();
}

}  // namespace

Json html_data(const PartOfReport& part) {
  const Json& report = part.report;
  CudaDigest cuda;
  cuda.add(report);
  HeapErrorDigest errors;
  errors.add(report);
  TextTable texts;
  PageStacks tree(report, texts);
  Json data = {{"process", process_data(report)},          {"processes", processes_data(report)},
               {"sampling", sampling_data(report)},        {"host", host_data(report["host"])},
               {"memory", memory_data(report, cuda)},      {"devices", device_data(cuda)},
               {"leak_check", leak_check_data(report)},    {"timeline", timeline_data(report)},
               {"lists", lists_data(report, tree, texts)}, {"left_out", left_out_data(part)},
               {"errors", error_data(errors, tree)},       {"options", options_data(report)},
               {"warnings", warnings_data(report)}};
  data["stacks"] = tree.to_json();
  data["texts"] = texts.texts();
  return data;
}

}  // namespace weir::cli
