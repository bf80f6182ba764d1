#include "cli/digest.h"

#include <algorithm>

#include "cli/format.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

std::string key_of(const Site& site) {
  std::string key = site.memory + '\n' + site.runtime;
  for (const StackLine& line : site.stack) key += '\n' + line.function + '\t' + line.place;
  return key;
}

const Json& entries(const Json& report, const char* key) {
  static const Json kNone = Json::array();
  const auto found = report.find(key);
  return found != report.end() ? *found : kNone;
}

}  // namespace

void SiteTable::add(const Json& report, uint64_t report_number, const char* key, const char* bytes_name,
                    const char* count_name) {
  for (const Json& entry : entries(report, key)) {
    Site site;
    site.memory = text_of(entry, "memory");
    site.runtime = text_of(entry, "runtime");
    site.stack = stack_lines(report, entry["stack"].get<size_t>());
    const auto [place, is_new] = places_.try_emplace(key_of(site), sites_.size());
    if (is_new) sites_.push_back(std::move(site));
    Site& merged = sites_[place->second];
    merged.bytes += figure(entry, bytes_name);
    merged.count += figure(entry, count_name);
    merged.temporary_count += figure(entry, "temporary_count");
    if (merged.last_report != report_number) ++merged.report_count;
    merged.last_report = report_number;
  }
}

void Digest::add(const Json& report) {
  if (reports_.empty()) {
    for (const char* key : {"process", "sampling", "host", "timeline"}) first_[key] = child(report, key);
  }
  add_sampling(report);
  add_process(report);
  const uint64_t number = reports_.size();
  leaks_.add(report, number, "leaks", "bytes", "count");
  peak_.add(report, number, "peak", "bytes", "count");
  hot_sites_.add(report, number, "hot_sites", "alloc_bytes", "alloc_count");
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

void Digest::add_process(const Json& report) {
  const Json& totals = child(report["host"], "totals");
  const uint64_t pid = figure(report["process"], "pid");
  reports_.push_back({program_of(report), pid, figure(totals, "alloc_count"), figure(totals, "alloc_bytes"),
                      figure(totals, "temporary_count"), figure(totals, "live_bytes"), figure(totals, "peak_bytes")});
  pids_.insert(pid);
}

void Digest::add_large_blocks(const Json& report) {
  std::set<std::string> seen;
  const auto add = [&](const Json& block, const Json& owner) {
    const std::string address = text_of(block, "address");
    const uint64_t bytes = figure(block, "bytes");
    if (bytes < larger_than_ || !seen.insert(address).second) return;
    large_blocks_.push_back({text_of(owner, "memory"), address, text_of(block, "family"), bytes, figure(block, "ns"),
                             stack_lines(report, owner["stack"].get<size_t>())});
  };
  for (const Json& block : entries(report, "large")) add(block, block);
  if (larger_than_ == 0) return;
  for (const Json& leak : entries(report, "leaks")) {
    for (const Json& sample : entries(leak, "samples")) add(sample, leak);
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
