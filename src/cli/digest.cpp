#include "cli/digest.h"

#include <algorithm>

#include "cli/format.h"
#include "cli/json_access.h"

namespace weir::cli {
void Digest::add(const Json& report) {
  if (reports_.empty()) {
    for (const char* key : {"process", "sampling", "host", "timeline"}) first_[key] = child(report, key);
  }
  add_sampling(report);
  add_processes(report);
  const uint64_t number = reports_.size();
  cuda_.add(report, number);
  heap_errors_.add(report);
  leaks_.add(report, number, array_of(report, "leaks"));
  peak_.add(report, number, array_of(report, "peak"));
  hot_sites_.add(report, number, array_of(report, "hot_sites"), "alloc_bytes", "alloc_count");
  add_large_blocks(report);
  if (larger_than_ > 0) add_listing_limits(report);
  for (const Json& warning : report["warnings"]) ++notes_[text_of(warning, "text")];
}

void Digest::add_sampling(const Json& report) {
  const Json& sampling = child(report, "sampling");
  if (!is_true(sampling, "estimated")) return;
  sampling_.sample_count += figure(sampling, "sample_count");
  sampling_.mean_bytes = std::max(sampling_.mean_bytes, figure(sampling, "mean_bytes"));
}

// A merged report has several.
void Digest::add_processes(const Json& report) {
  const Json& processes = array_of(report, "processes");
  for (const Json& process : processes) {
    if (process.is_object()) add_process(process, child(process, "host_totals"));
  }
  if (processes.empty()) add_process(report["process"], child(report["host"], "totals"));
}

void Digest::add_process(const Json& process, const Json& totals) {
  const uint64_t pid = figure(process, "pid");
  reports_.push_back({program_of_process(process), text_of(process, "rank"), pid, figure(totals, "alloc_count"),
                      figure(totals, "alloc_bytes"), figure(totals, "temporary_count"), figure(totals, "live_bytes"),
                      figure(totals, "peak_bytes")});
  pids_.insert({text_of(process, "host"), pid});
}

void Digest::add_large_blocks(const Json& report) {
  std::set<std::string> seen;
  const auto add = [&](const Json& block, const Json& owner) {
    const std::string address = text_of(block, "address");
    const uint64_t bytes = figure(block, "bytes");
    const std::string memory = text_of(owner, "memory");
    if (bytes < larger_than_ || !seen.insert(memory + address).second) return;  // a handle may equal an address
    large_blocks_.push_back({memory, number_text(owner, "device"), address, text_of(block, "family"), bytes,
                             figure(block, "ns"), stack_lines(report, owner["stack"].get<size_t>())});
  };
  for (const Json& block : array_of(report, "large")) add(block, block);
  if (larger_than_ == 0) return;
  for (const Json& leak : array_of(report, "leaks")) {
    for (const Json& sample : array_of(leak, "samples")) add(sample, leak);
  }
}

// Below WEIR_LARGE a report keeps a few samples of each stack.
void Digest::add_listing_limits(const Json& report) {
  const std::string limit = text_of(child(child(report, "options"), "WEIR_LARGE"), "value");
  if (!limit.empty() && parse_size(limit, "WEIR_LARGE") > larger_than_) {
    listing_limits_.push_back("of " + program_of(report) + " only samples below " + limit +
                              ": run it with WEIR_LARGE=" + std::to_string(larger_than_) + " for all");
  }
  const uint64_t left_out = figure(report["host"], "large_left_out_count");
  if (left_out > 0)
    listing_limits_.push_back("of " + program_of(report) + " " + plural(left_out, "more block") + " left out");
}

}  // namespace weir::cli
