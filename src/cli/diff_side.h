// One of the two reports that are compared.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/compact_report.h"
#include "cli/diff_table.h"
#include "cli/heap_error_digest.h"
#include "cli/leak_rows.h"

namespace weir::cli {

struct DiffSide {
  CompactReport report;  // symbolised
  LeakRows rows;
  std::array<Blocks, kLeakKinds> kinds;
  Blocks known;  // suppressed, or a runtime's by design
  std::vector<HeapError> errors;

  std::string program() const;
  uint64_t pid() const;
  uint64_t duration_ns() const;
  bool has_leak_kinds() const;                     // lost blocks are told from others
  uint64_t sample_mean_bytes() const;              // 0: exact
  std::string option(const char* variable) const;  // as in effect; empty: not known
};

// Throws Error(kExitBadReport). Names and memories are shared by both sides.
DiffSide read_side(const std::string& path, std::shared_ptr<NameTable> names, MemoryPlaces& memories,
                   symbolize::Symbolizer& symbolizer);

// Two reports of one process, as snapshots are, or a snapshot and the report of the end.
bool is_same_process(const DiffSide& a, const DiffSide& b);

// A figure of both reports; bytes, or a number where `is_count`.
struct DiffTotal {
  std::string memory;  // "host", "mmap", "device", "pinned", ...
  std::string device;  // its number; else empty
  std::string figure;  // "live", "peak", "resident", "definite", ...
  uint64_t before = 0, after = 0;
};
std::vector<DiffTotal> totals_of(const DiffSide& before, const DiffSide& after);

// What a reader must know to take the figures for what they are, a line each.
std::vector<std::string> notes_of(const DiffSide& before, const DiffSide& after, Compared compared,
                                  const std::set<std::string>& incomparable_modules, KeyBy by);

// Equal for equal errors: their kinds, calls and functions.
std::string key_of(const HeapError& error);

// Those after that the report before does not have: of another kind, or by other functions.
std::vector<const HeapError*> new_errors(const DiffSide& before, const DiffSide& after);

}  // namespace weir::cli
