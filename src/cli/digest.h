// What a summary needs of the reports it covers: taken from one report after another, so that a run of thousands of processes
// costs memory by its distinct stacks, and these some tens of bytes.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/cuda_digest.h"
#include "cli/finished_report.h"
#include "cli/heap_error_digest.h"
#include "cli/process_text.h"
#include "cli/report_file.h"
#include "cli/site.h"
#include "cli/stack_text.h"

namespace weir::cli {

struct ProcessFigures {
  std::string program;
  std::string rank;  // in a parallel job; else empty
  uint64_t pid = 0;
  uint64_t alloc_count = 0, alloc_bytes = 0, temporary_count = 0;
  uint64_t live_bytes = 0, peak_bytes = 0;
  Moment moment = Moment::exit;
};

// Of reports whose figures are estimates (WEIR_SAMPLE).
struct SamplingFigures {
  uint64_t sample_count = 0;
  uint64_t mean_bytes = 0;  // the largest of any report; 0: all are exact
};

// One of the blocks asked for.
struct LargeBlock {
  std::string memory, device, address, family;
  uint64_t bytes = 0;
  uint64_t ns = 0;
  std::vector<StackLine> stack;
};

class Digest {
 public:
  // Where blocks of some size are asked for, they are all that is collected beside processes and devices.
  explicit Digest(const BlockChoice& blocks) : choice_(blocks) {}
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  // A report to add here. Throws Error(kExitBadReport).
  FinishedReport read(const std::string& path, symbolize::Symbolizer& symbolizer);
  // Takes its rows and stacks.
  void add(FinishedReport& report);

  const std::vector<ProcessFigures>& reports() const { return reports_; }
  size_t process_count() const { return pids_.size(); }
  Moment moment() const;                               // of what is live in the reports
  const Json& first_report() const { return first_; }  // process, sampling, host and timeline only
  const SamplingFigures& sampling() const { return sampling_; }
  const CudaDigest& cuda() const { return cuda_; }
  const HeapErrorDigest& heap_errors() const { return heap_errors_; }
  const SiteTable& leaks() const { return leaks_; }
  const SiteTable& peak() const { return peak_; }
  const SiteTable& hot_sites() const { return hot_sites_; }
  const SiteTable& freed_with_context() const { return freed_with_context_; }
  const std::vector<LargeBlock>& large_blocks() const {
    return large_blocks_;
  }  // the largest first, as many as asked for
  uint64_t large_block_count() const { return large_block_count_; }
  const std::map<std::string, uint64_t>& notes() const { return notes_; }             // text -> reports that say so
  const std::vector<std::string>& listing_limits() const { return listing_limits_; }  // what large_blocks() may lack

 private:
  void add_sites(FinishedReport& report);
  void add_processes(const Json& report);
  void add_process(const Json& process, const Json& host_totals);
  void add_sampling(const Json& report);
  void add_large_blocks(const FinishedReport& report);
  void add_listing_limits(const Json& report);

  const BlockChoice choice_;
  std::vector<ProcessFigures> reports_;
  std::set<std::pair<std::string, uint64_t>> pids_;  // by host
  Json first_;
  SamplingFigures sampling_;
  CudaDigest cuda_;
  HeapErrorDigest heap_errors_;
  Labels labels_;
  LineTree stacks_;
  SiteTable leaks_{SiteList::leaks, labels_, stacks_}, peak_{SiteList::peak, labels_, stacks_},
      hot_sites_{SiteList::hot_sites, labels_, stacks_},
      freed_with_context_{SiteList::freed_with_context, labels_, stacks_};
  std::vector<LargeBlock> large_blocks_;
  uint64_t large_block_count_ = 0;
  std::map<std::string, uint64_t> notes_;
  std::vector<std::string> listing_limits_;
};

}  // namespace weir::cli
