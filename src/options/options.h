// Weir's options: one table (options.def) expands into this struct, the parser, the help and docs/options.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::options {

using Switch = bool;
using Size = uint64_t;   // bytes
using Count = uint64_t;
using Ratio = double;
using Text = const char*;  // never nullptr; lives as long as the process
using Choice = unsigned;   // index into the accepted words, in the table's order

struct Options {
#define WEIR_OPTION(kind, field, variable, default_text, accepted, description) kind field;
#include "options/options.def"
#undef WEIR_OPTION
};

inline constexpr unsigned kReportAlways = 0, kReportIfLeaks = 1;
inline constexpr unsigned kSymbolizeExit = 0, kSymbolizeLater = 1;

// The options in effect: the table's defaults until load() ran.
const Options& current();

// Reads WEIR_* from `environment` (a process's envp; nullptr: none, as for setuid programs). A wrong value costs one line on
// stderr that names variable, value, what is accepted and the default used; an unknown WEIR_* name one that gives the nearest
// known one. Called once, before the first allocation is tracked; no heap, no locks.
void load(const char* const* environment);

// One row per option, in the table's order: for the report, the help and docs/options.md.
struct Row {
  const char* variable;
  const char* kind;
  const char* accepted;
  const char* description;
  const char* default_text;
  const char* value_text;  // as in effect
  bool is_default;
};
size_t row_count();
Row row(size_t index);

// "64KiB" -> 65536; units B, kB/KB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB. False for anything else or overflow.
bool parse_size(const char* text, uint64_t* bytes);

}  // namespace weir::options
