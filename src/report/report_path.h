// From WEIR_REPORT's pattern to a path. Text only: nothing here asks the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/print.h"

namespace weir::report {

inline constexpr size_t kMaxPath = 4096;

// What a pattern may name. Texts may be nullptr.
struct PathFacts {
  int pid = 0;
  const char* host = nullptr;
  const char* exe = nullptr;   // path; its last part is used
  const char* rank = nullptr;  // nullptr: "0"
  uint64_t realtime_ns = 0;
  const char* starting_folder = nullptr;  // what a relative pattern is resolved against
  bool is_first_process = true;           // owns a pattern without %p and %n; others get .PID before .json
  bool is_snapshot = false;               // of a process that lives on: .snapshot-N before .json keeps it apart
};

// The rank of this process in a parallel job by its launcher's variables (RANK, OMPI_COMM_WORLD_RANK, PMIX_RANK,
// PMI_RANK, SLURM_PROCID, in this order), or nullptr. The text is the environment's own.
const char* rank_in(const char* const* environment);

// Whether different counters give different paths, by %n.
bool has_counter(const char* pattern);

// The absolute path for attempt `counter` (from 0): %n is the counter; a pattern without %n gets .COUNTER before .json
// from counter 1 on. A pattern that ends with / names a folder, in which the report has the default name. A snapshot always gets
// .snapshot-N, N being counter + 1, and %n is 0 in it. An unknown %x stays as it is. False where the path does not fit.
bool expand_pattern(const char* pattern, const PathFacts& facts, uint64_t counter, core::TextBuffer& path);

}  // namespace weir::report
