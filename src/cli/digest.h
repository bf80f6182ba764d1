// What a summary needs of the reports it covers: taken from one report after another, so that a run of thousands of processes
// costs memory by its distinct stacks.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/cuda_digest.h"
#include "cli/heap_error_digest.h"
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
};

// Of reports whose figures are estimates (WEIR_SAMPLE).
struct SamplingFigures {
  uint64_t sample_count = 0;
  uint64_t mean_bytes = 0;  // the largest of any report; 0: all are exact
};

// One block of at least the size asked for.
struct LargeBlock {
  std::string memory, device, address, family;
  uint64_t bytes = 0;
  uint64_t ns = 0;
  std::vector<StackLine> stack;
};

class Digest {
 public:
  // larger_than: collect the blocks of at least so many bytes, from large[] and the leaks' samples; 0: those of large[].
  explicit Digest(uint64_t larger_than = 0) : larger_than_(larger_than) {}
  // The report must be finished (finish_report).
  void add(const Json& report);

  const std::vector<ProcessFigures>& reports() const { return reports_; }
  size_t process_count() const { return pids_.size(); }
  const Json& first_report() const { return first_; }  // process, sampling, host and timeline only
  const SamplingFigures& sampling() const { return sampling_; }
  const CudaDigest& cuda() const { return cuda_; }
  const HeapErrorDigest& heap_errors() const { return heap_errors_; }
  const SiteTable& leaks() const { return leaks_; }
  const SiteTable& peak() const { return peak_; }
  const SiteTable& hot_sites() const { return hot_sites_; }
  const std::vector<LargeBlock>& large_blocks() const { return large_blocks_; }
  const std::map<std::string, uint64_t>& notes() const { return notes_; }             // text -> reports that say so
  const std::vector<std::string>& listing_limits() const { return listing_limits_; }  // what large_blocks() may lack

 private:
  void add_processes(const Json& report);
  void add_process(const Json& process, const Json& host_totals);
  void add_sampling(const Json& report);
  void add_large_blocks(const Json& report);
  void add_listing_limits(const Json& report);

  uint64_t larger_than_;
  std::vector<ProcessFigures> reports_;
  std::set<std::pair<std::string, uint64_t>> pids_;  // by host
  Json first_;
  SamplingFigures sampling_;
  CudaDigest cuda_;
  HeapErrorDigest heap_errors_;
  SiteTable leaks_, peak_, hot_sites_;
  std::vector<LargeBlock> large_blocks_;
  std::map<std::string, uint64_t> notes_;
  std::vector<std::string> listing_limits_;
};

}  // namespace weir::cli
