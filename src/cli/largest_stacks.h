// Reads a report of any size in memory that its largest stacks take, not its length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

// What a list did not keep, summed up.
struct LeftOutSum {
  std::string list;    // "leaks", "peak" or "hot_sites"
  std::string memory;  // "host", ...
  std::string kind;    // of leaks, else empty
  uint64_t stack_count = 0, bytes = 0, count = 0;
};

struct PartOfReport {
  Json report;  // has the shape that check_shape() asks for
  std::vector<LeftOutSum> left_out;
};

// Keeps the first `most_stacks` entries of each of leaks, peak and hot_sites (the report has the largest first), all errors and
// out_of_memory, and of stacks and frames what these refer to. Leaves out what lists single blocks or copies: large, samples, threads,
// cuda.transfers and cuda.freed_with_context. Throws as CompactReport does, and where a list comes after the stacks that it refers to.
PartOfReport read_largest(const std::string& path, size_t most_stacks);

}  // namespace weir::cli
