#include "cli/format.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "cli/error.h"
#include "cli/function_name.h"

namespace weir::cli {
namespace {

std::string printed(const char* format, double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, format, value, unit);
  return text;
}

}  // namespace

std::string human_bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return printed(value < 99.95 ? "%.1f %s" : "%.0f %s", value, kUnits[unit]);
}

std::string human_count(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string human_duration(uint64_t ns) {
  const double seconds = static_cast<double>(ns) / 1e9;
  if (seconds < 1e-3) return printed("%.0f %s", seconds * 1e6, "us");
  if (seconds < 1) return printed("%.1f %s", seconds * 1e3, "ms");
  if (seconds < 120) return printed("%.2f %s", seconds, "s");
  const uint64_t whole = ns / 1'000'000'000;
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

std::string human_rate(uint64_t bytes, uint64_t ns) {
  if (ns == 0) return "no time at all";
  const double rate = static_cast<double>(bytes) / static_cast<double>(ns);  // GB/s
  if (rate >= 1) return printed(rate < 10 ? "%.2f %s" : "%.1f %s", rate, "GB/s");
  return rate >= 1e-3 ? printed("%.0f %s", rate * 1e3, "MB/s") : printed("%.0f %s", rate * 1e6, "kB/s");
}

std::string human_percent(double ratio) { return printed("%.0f %s", ratio * 100, "%"); }

std::string plural(uint64_t count, const char* noun) {
  const std::string word = noun;
  if (count == 1) return "1 " + word;
  if (word.ends_with("py") || word.ends_with("ry"))  // copies, retries
    return human_count(count) + " " + word.substr(0, word.size() - 1) + "ies";
  const bool sibilant = word.ends_with("s") || word.ends_with("sh");  // processes, flushes
  return human_count(count) + " " + word + (sibilant ? "es" : "s");
}

std::string hexadecimal(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string as_table(const std::vector<TableRow>& rows, const std::vector<std::string>& behind) {
  std::vector<size_t> widths(rows[0].size());
  for (const TableRow& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (size_t line = 0; line < rows.size(); ++line) {
    const TableRow& row = rows[line];
    text += "  " + row[0] + std::string(widths[0] - row[0].size(), ' ');
    for (size_t i = 1; i < row.size(); ++i) text += "  " + std::string(widths[i] - row[i].size(), ' ') + row[i];
    text += (behind.empty() ? "" : "  " + behind[line]) + "\n";
  }
  return text;
}

std::string shorten_function(const std::string& name, size_t width) {
  if (name.size() <= width) return name;
  std::string text = without_template_arguments(name, "<...>");
  if (text.size() > width) {
    const size_t arguments = text.find('(', text.starts_with("(") ? text.find(')') : 0);
    if (arguments != std::string::npos && arguments > 0) text = text.substr(0, arguments) + "(...)";
  }
  if (text.size() > width) text = text.substr(0, width > 3 ? width - 3 : 0) + "...";
  return text;
}

uint64_t parse_size(const std::string& text, const std::string& what) {
  constexpr struct {
    const char* name;
    uint64_t bytes;
  } kUnits[] = {{"", 1},
                {"B", 1},
                {"kB", 1000},
                {"KB", 1000},
                {"MB", 1000'000},
                {"GB", 1000'000'000},
                {"TB", 1000'000'000'000},
                {"KiB", 1ULL << 10},
                {"MiB", 1ULL << 20},
                {"GiB", 1ULL << 30},
                {"TiB", 1ULL << 40}};
  char* end = nullptr;
  errno = 0;
  const unsigned long long number = std::strtoull(text.c_str(), &end, 10);
  if (errno == 0 && end != text.c_str() && text[0] != '-') {
    uint64_t bytes = 0;
    for (const auto& unit : kUnits) {
      if (std::strcmp(end, unit.name) == 0 && !__builtin_mul_overflow(uint64_t{number}, unit.bytes, &bytes))
        return bytes;
    }
  }
  throw Error(kExitUsage, what + ": expected a size such as 64KiB, 100MB or 2GiB, found '" + text + "'");
}

bool use_color(const std::string& when, int fd) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* terminal = std::getenv("TERM");
  return isatty(fd) == 1 && (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

}  // namespace weir::cli
