#include "cli/digest.h"

#include <algorithm>

#include "cli/format.h"
#include "cli/json_access.h"

namespace weir::cli {

FinishedReport Digest::read(const std::string& path, symbolize::Symbolizer& symbolizer) {
  return FinishedReport(path, labels_, symbolizer, choice_);
}

void Digest::add(FinishedReport& report) {
  const Json& parts = report.parts();
  if (reports_.empty()) {
    for (const char* key : {"process", "sampling", "host", "timeline"}) first_[key] = child(parts, key);
  }
  add_sampling(parts);
  add_processes(parts);
  const Json short_lists = report.short_lists();
  cuda_.add(short_lists);
  heap_errors_.add(short_lists);
  add_large_blocks(report);
  for (const Json& warning : array_of(parts, "warnings")) ++notes_[text_of(warning, "text")];
  if (choice_.least_bytes > 0) {
    add_listing_limits(parts);
  } else {
    add_sites(report);
  }
}

// The stacks' nodes here are found at once, for all lists: that takes most memory, and is given back before the rows are added.
void Digest::add_sites(FinishedReport& report) {
  const std::vector<uint32_t> nodes = stacks_.add(report.take_stacks());
  stacks_.seal();
  leaks_.add(report.rows(SiteList::leaks), nodes);
  peak_.add(report.rows(SiteList::peak), nodes);
  hot_sites_.add(report.rows(SiteList::hot_sites), nodes);
  freed_with_context_.add(report.rows(SiteList::freed_with_context), nodes);
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
                      figure(totals, "peak_bytes"), moment_of(process)});
  pids_.insert({text_of(process, "host"), pid});
}

Moment Digest::moment() const {
  Moment moment = reports_.empty() ? Moment::exit : reports_[0].moment;
  for (const ProcessFigures& report : reports_) moment = together(moment, report.moment);
  return moment;
}

void Digest::add_large_blocks(const FinishedReport& report) {
  const std::vector<std::vector<StackLine>> stacks = report.block_stacks();
  large_block_count_ += report.block_count();
  for (size_t i = 0; i < stacks.size(); ++i) {
    const Json& block = report.blocks()[i];
    large_blocks_.push_back({text_of(block, "memory"), number_text(block, "device"), text_of(block, "address"),
                             text_of(block, "family"), figure(block, "bytes"), figure(block, "ns"), stacks[i]});
  }
  std::stable_sort(large_blocks_.begin(), large_blocks_.end(),
                   [](const LargeBlock& a, const LargeBlock& b) { return a.bytes > b.bytes; });
  if (large_blocks_.size() > choice_.most)
    large_blocks_.erase(large_blocks_.begin() + static_cast<std::ptrdiff_t>(choice_.most), large_blocks_.end());
}

// Below WEIR_LARGE a report keeps a few samples of each stack.
void Digest::add_listing_limits(const Json& report) {
  const std::string limit = text_of(child(child(report, "options"), "WEIR_LARGE"), "value");
  if (!limit.empty() && parse_size(limit, "WEIR_LARGE") > choice_.least_bytes) {
    listing_limits_.push_back("of " + program_of(report) + " only samples below " + limit +
                              ": run it with WEIR_LARGE=" + std::to_string(choice_.least_bytes) + " for all");
  }
  const uint64_t left_out = figure(report["host"], "large_left_out_count");
  if (left_out > 0)
    listing_limits_.push_back("of " + program_of(report) + " " + plural(left_out, "more block") + " left out");
}

}  // namespace weir::cli
