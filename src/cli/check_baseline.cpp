#include "cli/check_baseline.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

auto place_of(const LeakRow& row) { return std::pair(row.key, row.memory); }

// What is reachable is told as it is, by whomever it is kept.
bool is_excused(const LeakRow& row) {
  return row.is_known && row.kind != LeakKind::reachable && row.kind != LeakKind::live;
}

void raise(BlocksByKind& most, const BlocksByKind& other) {
  for (size_t kind = 0; kind < kLeakKinds; ++kind) {
    most[kind].bytes = std::max(most[kind].bytes, other[kind].bytes);
    most[kind].count = std::max(most[kind].count, other[kind].count);
  }
}

// "rank 1, process 4711".
std::string name_of_process(const Json& process) {
  const std::string rank = text_of(process, "rank"), pid = "process " + number_text(process, "pid");
  return rank.empty() ? pid : "rank " + rank + ", " + pid;
}

void add_device_peaks(std::vector<Peak>& peaks, const Json& device, const Json& processes) {
  const std::string index = number_text(device, "index");
  const uint64_t process = figure(device, "process");
  const std::string name = process < processes.size() ? name_of_process(processes[process]) : "";
  if (!index.empty()) peaks.push_back({"device", index, figure(device, "peak_bytes"), name});
  for (const char* kind : {"pinned", "managed", "registered", "ipc", "external"}) {
    const Json& figures = child(child(device, "kinds"), kind);
    if (!figures.empty()) peaks.push_back({kind, index, figure(figures, "peak_bytes"), name});
  }
}

void add_host_peaks(std::vector<Peak>& peaks, const Json& blocks, const Json& mappings, const std::string& process) {
  peaks.push_back({"host", "", figure(blocks, "peak_bytes"), process});
  peaks.push_back({"mmap", "", figure(mappings, "peak_bytes"), process});
}

}  // namespace

BlocksByKind& operator+=(BlocksByKind& sums, const BlocksByKind& other) {
  for (size_t kind = 0; kind < kLeakKinds; ++kind) sums[kind].add(other[kind]);
  return sums;
}

void sort_rows(LeakRows& rows) {
  std::sort(rows.rows().begin(), rows.rows().end(), [](const LeakRow& a, const LeakRow& b) {
    return std::tuple(a.key, a.memory, a.stack) < std::tuple(b.key, b.memory, b.stack);
  });
}

BlocksByKind blocks_at(const LeakRows& rows, size_t begin, size_t& end) {
  BlocksByKind sums;
  for (end = begin; end < rows.rows().size() && place_of(rows.rows()[end]) == place_of(rows.rows()[begin]); ++end) {
    const LeakRow& row = rows.rows()[end];
    if (!is_excused(row))
      sums[static_cast<size_t>(row.counted_kind())].add(rows.blocks_of(row));  // guard: check-suppressed
  }
  return sums;
}

std::vector<Peak> peaks_of(const Json& parts) {
  const Json& processes = array_of(parts, "processes");
  std::vector<Peak> peaks;
  const Json& host = child(parts, "host");
  for (const Json& process : processes)
    add_host_peaks(peaks, child(process, "host_totals"), child(process, "mmap_totals"), name_of_process(process));
  if (processes.empty())  // guard: check-peaks
    add_host_peaks(peaks, child(host, "totals"), child(child(host, "mmap"), "totals"), "");
  for (const Json& device : array_of(parts, "devices")) add_device_peaks(peaks, device, processes);
  return peaks;
}

uint64_t unlisted_errors(const Json& parts) {
  return figure(child(parts, "host"), "errors_left_out_count") + figure(child(parts, "cuda"), "errors_left_out_count");
}

DiffSide read_for_check(const std::string& path, const SuppressionFiles& suppressions, Readers& readers) {
  DiffSide side = read_side(path, readers.names, readers.memories, readers.symbolizer);
  if (!suppressions.is_empty()) side.rows.name_known(side.report, [&](Json& excerpt) { suppressions.apply(excerpt); });
  return side;
}

Baseline::Baseline(const std::vector<std::string>& paths, const SuppressionFiles& suppressions, Readers& readers) {
  for (const std::string& path : paths) reports_.push_back(read_for_check(path, suppressions, readers));
}

// The keys of its own reports are made anew only where another build's modules without symbols are in the way.
void Baseline::align(DiffSide& report) {
  std::set<std::string> modules_alone;
  for (const DiffSide& before : reports_)
    modules_alone.merge(incomparable_modules(before.report.frames(), report.report.frames()));
  if (!has_keys_ || modules_alone != modules_alone_) {
    modules_alone_ = modules_alone;
    has_keys_ = true;
    for (DiffSide& before : reports_) {
      set_keys(before.rows, StackKeys(before.report, KeyBy::function, modules_alone_));
      sort_rows(before.rows);
    }
  }
  set_keys(report.rows, StackKeys(report.report, KeyBy::function, modules_alone_));
  sort_rows(report.rows);
}

BlocksByKind Baseline::blocks(uint64_t key, uint16_t memory) const {
  BlocksByKind most;
  const std::pair place(key, memory);
  for (const DiffSide& before : reports_) {
    const auto& rows = before.rows.rows();
    const auto first = std::lower_bound(rows.begin(), rows.end(), place,
                                        [](const LeakRow& row, const auto& wanted) { return place_of(row) < wanted; });
    if (first == rows.end() || place_of(*first) != place) continue;
    size_t end = 0;
    raise(most, blocks_at(before.rows, static_cast<size_t>(first - rows.begin()), end));
  }
  return most;
}

uint64_t Baseline::peak(const std::string& memory, const std::string& device) const {
  uint64_t most = 0;
  for (const DiffSide& before : reports_) {
    for (const Peak& peak : peaks_of(before.report.parts())) {
      if (peak.memory == memory && peak.device == device) most = std::max(most, peak.bytes);
    }
  }
  return most;
}

uint64_t Baseline::unlisted_errors() const {
  uint64_t most = 0;
  for (const DiffSide& before : reports_) most = std::max(most, cli::unlisted_errors(before.report.parts()));
  return most;
}

std::vector<const HeapError*> Baseline::new_errors(const DiffSide& report) const {
  std::set<std::string> known;
  for (const DiffSide& before : reports_) {
    for (const HeapError& error : before.errors) known.insert(key_of(error));
  }
  std::vector<const HeapError*> found;
  for (const HeapError& error : report.errors) {
    if (!known.contains(key_of(error))) found.push_back(&error);
  }
  return found;
}

}  // namespace weir::cli
