// What has changed between two reports, as a person reads it and as JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/diff_side.h"
#include "cli/diff_table.h"
#include "cli/summary.h"

namespace weir::cli {

struct Diff {
  const DiffSide& before;
  const DiffSide& after;
  const DiffTable& table;
  const MemoryPlaces& memories;
  Compared compared;
  std::string by;                  // "function", "line" or "address"
  std::vector<std::string> notes;  // notes_of()
};

std::string summarize(const Diff& diff, const SummaryOptions& options);

// Schema weir-diff/1 (docs/diff.schema.json), at most `limit` entries of each list; `print` takes one piece of text after another.
void print_diff_json(const Diff& diff, size_t limit, const std::function<void(const std::string&)>& print);

// The stacks of these entries as text: as they are after, or before where they are gone.
std::vector<std::vector<StackLine>> stacks_of(const Diff& diff, const std::vector<DiffEntry>& entries);

}  // namespace weir::cli
