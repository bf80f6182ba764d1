// The formats of `weir export`: docs/exports.md says what reads each.
#pragma once

#include <string>
#include <vector>

#include "cli/export_report.h"
#include "cli/output.h"

namespace weir::cli {

// Google's profile.proto, compressed with gzip: every value, of every memory.
void write_pprof(const ExportReport& report, Output& output);
// One line per row that has the value: "place;outermost;...;innermost 123".
void write_collapsed(const ExportReport& report, Value value, Output& output);
// speedscope's own file format: one profile per value.
void write_speedscope(const ExportReport& report, Output& output);
// Valgrind's massif.out: the host's heap as it went, with trees of its peak and of the end.
void write_massif(const ExportReport& report, Output& output);
// heaptrack's interpreted data, version 3: the same as events, one for each block.
void write_heaptrack(const ExportReport& report, Output& output);
// Chrome's trace event format: counters of every memory at the moments that the report knows.
void write_trace(const ExportReport& report, Output& output);
// One JSON object a line and row, all with the same columns.
void write_ndjson(const ExportReport& report, Output& output);

// One line of a stack as formats of text show it.
struct ShownLine {
  std::string function;     // a name of its own where none is known
  const std::string* file;  // "" where none is known
  uint32_t line;            // 0: not known
  uint32_t frame;           // index into the report's frames; kNoFrame of a stack that has none
  static constexpr uint32_t kNoFrame = UINT32_MAX;
};

// A row's stack, innermost first, inlined calls as lines of their own; never empty. Replaces what is in `lines`.
void lines_of(const ExportReport& report, const ExportRow& row, std::vector<ShownLine>& lines);

}  // namespace weir::cli
