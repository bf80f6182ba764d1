// What a summary says of heap errors: nothing where there are none.
#pragma once

#include <string>
#include <vector>

#include "cli/heap_error_digest.h"
#include "cli/summary_page.h"

namespace weir::cli {

// What happened, and to what: "double free: free of 24 B at 0x7f3a12010000".
std::string fault_text(const HeapError& error);

// When, how often, and in which memory: "after 1.20 ms, the first of 12  (device memory, device 0)".
std::string occasion_text(const HeapError& error);

// A moment in the life of the block: the call, its earlier free, its allocation. `stack` is the error's own; empty: not known.
struct HeapErrorMoment {
  std::string text;  // "allocated by new at"
  const std::vector<StackLine>& stack;
};

// The latest first.
std::vector<HeapErrorMoment> moments_of(const HeapError& error);

// What happened, without address or size: "double free by free".
std::string heap_error_text(const HeapError& error);

// Those alone, without a heading.
void write_heap_error_list(SummaryPage& page, const std::vector<const HeapError*>& errors);

void write_heap_errors(SummaryPage& page, const HeapErrorDigest& digest);

}  // namespace weir::cli
