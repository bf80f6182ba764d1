// Weir's options: one table (options.def) expands into this struct, the parser, the help and docs/options.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::options {

using Switch = bool;
using Size = uint64_t;    // bytes
using Quota = uint64_t;   // bytes; 0: off
using Budget = uint64_t;  // bytes; 0: off; kUsualBudget: on, of a size that the option's reader decides
using Count = uint64_t;
using Status = uint64_t;  // of a process's end; 0: off
using Ratio = double;
using Share = double;       // above 0 and up to 1; 0: off
using Duration = uint64_t;  // ns; 0: off
using Text = const char*;   // never nullptr; lives as long as the process
using Choice = unsigned;    // index into the accepted words, in the table's order

// Bytes, or a share (above 0 and up to 1) of what the option speaks of; the other one is 0. Both 0: off.
struct Amount {
  uint64_t bytes;
  double share;
};

struct Options {
#define WEIR_OPTION(kind, field, variable, default_text, accepted, description) kind field;
#include "options/options.def"
#undef WEIR_OPTION
};

inline constexpr uint64_t kUsualBudget = UINT64_MAX;

inline constexpr unsigned kOnErrorReport = 0, kOnErrorAbort = 1, kOnErrorIgnore = 2;
inline constexpr unsigned kReportAlways = 0, kReportIfLeaks = 1;
inline constexpr unsigned kSymbolizeExit = 0, kSymbolizeLater = 1;
inline constexpr unsigned kCudaPoolStrict = 0, kCudaPoolOn = 1, kCudaPoolOff = 2, kCudaPoolVmm = 3;

// The options in effect: the table's defaults until load() ran.
const Options& current();

// Reads WEIR_* from `environment` (a process's envp; nullptr: none, as for setuid programs). A wrong value costs one
// line on stderr that names variable, value, what is accepted and the default used; an unknown WEIR_* name one that
// gives the nearest known one. WEIR_QUIET and WEIR=off silence both. Names that begin with WEIR__ (two underscores) are
// Weir's own hand-over between its processes and are passed by; an empty value counts as unset. Texts are copied: a
// later setenv changes nothing. Called once, before the first allocation is tracked; no heap, no locks but the arena's.
void load(const char* const* environment);

// LSAN_OPTIONS as the process began with it; "" where it is not set. For its `suppressions`: the other options of LeakSanitizer are not
// Weir's.
const char* lsan_options();

// Parsed forms of the lists in effect.
bool tracks_host();
bool tracks_mmap();
bool tracks_device();  // all that CUDA gives but pinned and registered host memory
bool tracks_pinned();
uint64_t report_signals();  // WEIR_ON_SIGNAL: bit (number - 1) of each signal, as the kernel's signal sets have it
int snapshot_signal();      // WEIR_SNAPSHOT_SIGNAL's number; 0: none

// The first item of a list such as "64B*1000,4KiB*100" at *cursor; moves the cursor behind it. An item without * stands
// for one block. False at the end and at an item that is not of that form (*cursor then still points to it).
bool next_prewarm_item(const char** cursor, uint64_t* bytes, uint64_t* count);

// A list such as "80%:1KiB,4KiB": the share in front of the colon, and moves *cursor behind it. A list without one: 0.
double take_prewarm_share(const char** cursor);
inline constexpr size_t kMostCudaPrewarmItems = 16;

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

// The index of `text` among the words that a Choice of this name accepts, as load() reads it. False for another word, and where no Choice
// has that name.
bool parse_choice(const char* variable, const char* text, unsigned* index);

// "64KiB" -> 65536; units B, kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB in any letter case, spaces allowed
// before the unit; a number alone is bytes. False for anything else or overflow; K, M and G alone say neither power and
// are refused.
bool parse_size(const char* text, uint64_t* bytes);

}  // namespace weir::options
