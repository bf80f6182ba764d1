// A report as exports see it: rows of figures by stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/export_counters.h"
#include "cli/export_tables.h"
#include "cli/report_file.h"

namespace weir::cli {

// What a row can say, in the order of pprof's values.
enum class Value : uint8_t {
  leaked_bytes,
  leaked_count,
  live_bytes,
  live_count,
  peak_bytes,
  peak_count,
  total_bytes,
  total_count,
  temporary_count,
};

struct ValueName {
  Value value;
  const char* name;
  bool in_bytes;  // else blocks
};

inline constexpr std::array<ValueName, 9> kValueNames = {{
    {Value::leaked_bytes, "leaked_bytes", true},
    {Value::leaked_count, "leaked_count", false},
    {Value::live_bytes, "live_bytes", true},
    {Value::live_count, "live_count", false},
    {Value::peak_bytes, "peak_bytes", true},
    {Value::peak_count, "peak_count", false},
    {Value::total_bytes, "total_bytes", true},
    {Value::total_count, "total_count", false},
    {Value::temporary_count, "temporary_count", false},
}};

// Which moment or sum a row is of. `leaks` gives live rows, `hot_sites` total and temporary ones.
enum class RowSort : uint8_t { live, peak, total, temporary };

// What rows have in common.
struct RowGroup {
  RowSort sort;
  std::string memory;  // "host", "mmap", "device", ...
  std::string kind;    // of live rows, "definite", ...; else ""
  std::string device;  // the number of CUDA's device, or ""
  bool leaked() const { return sort == RowSort::live && (kind == "definite" || kind == "indirect"); }
  // "host", "device 0", "pinned", ...: memory that an export must not mix.
  std::string place() const { return device.empty() ? memory : memory + " " + device; }
};

struct ExportRow {
  static constexpr uint32_t kLeftOut = UINT32_MAX;  // for `stack`: what the report itself left out, summed up

  uint64_t bytes, count;
  uint32_t stack;
  uint32_t group;
};

struct ExportReport {
  std::string program, command, host, rank;
  uint64_t pid = 0, duration_ns = 0, start_ns = 0, peak_ns = 0, rss_bytes = 0, peak_rss_bytes = 0;
  std::deque<ExportRow> rows;
  std::vector<RowGroup> groups;
  PackedLists stacks;  // of frames, innermost first
  ExportFrames code;
  std::vector<ExportCounter> counters;
  std::vector<std::string> unread_modules;  // what stands in the way of functions and lines

  const RowGroup& group_of(const ExportRow& row) const { return groups[row.group]; }
  uint64_t value_of(const ExportRow& row, Value value) const;
  // The sum of a value over all rows; no more than UINT64_MAX.
  uint64_t total_of(Value value) const;
  // The frames that exports show, innermost first. Replaces what is in `frames`.
  void frames_of(const ExportRow& row, std::vector<uint32_t>& frames) const;
};

// Reads a report in one pass, raw or finished; a raw one gets the functions and lines that this machine knows. Memory: the packed tables, not
// the file's length. Throws Error(kExitBadReport) as CompactReport does.
ExportReport read_for_export(const std::string& path);

// What a stack of no frames, and one that the report left out, is called.
inline constexpr char kUnknownStack[] = "(unknown stack)";
inline constexpr char kLeftOutStacks[] = "(stacks that the report left out)";

// The name of a frame of which no function is known: "libm.so.6+0x12a9", "code without a file at 0x7f00".
std::string raw_name(const ExportReport& report, const ExportFrame& frame);

// printable() also of what UTF-8 brings: no text of a report moves a cursor, ends a line or turns one round.
std::string harmless(std::string text);

}  // namespace weir::cli
