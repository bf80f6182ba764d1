// What a person reads at a glance: one or many finished reports as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cli/digest.h"
#include "cli/format.h"

namespace weir::cli {

struct SummaryOptions {
  size_t top = 10;           // entries of each list
  size_t depth = 12;         // lines of each stack; 0: all
  size_t width = 110;        // columns that a function's name may take; 0: any
  uint64_t larger_than = 0;  // bytes, as the digest has it: list those blocks instead of everything else; 0: off
  bool brief = false;        // totals and leaks only
  bool color = false;
};

// One report gives its process's figures; several give a table of processes, their sums, and the lists over all of them.
std::string summarize(const Digest& digest, const SummaryOptions& options);

}  // namespace weir::cli
