// Figures and text as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::cli {

std::string human_bytes(uint64_t bytes);               // "2.0 MiB"; exact below 1 KiB: "240 B"
std::string human_count(uint64_t count);               // "1,210"
std::string human_duration(uint64_t ns);               // "1.50 s"
std::string human_rate(uint64_t bytes, uint64_t ns);   // "1.25 GB/s", powers of 1000
std::string human_percent(double ratio);               // 0.11 -> "11 %"
std::string plural(uint64_t count, const char* noun);  // "1 block", "1,210 blocks"
std::string hexadecimal(uint64_t value);               // "0x12a9"

// Rows of the same length as lines: the first column to the left, the others to the right. behind: what follows each line as it is, or nothing.
using TableRow = std::vector<std::string>;
std::string as_table(const std::vector<TableRow>& rows, const std::vector<std::string>& behind = {});

// Cuts a C++ name down to about `width` characters: template arguments first, then the end.
std::string shorten_function(const std::string& name, size_t width);

// "64KiB", "100MB", "4096" -> bytes; throws Error(kExitUsage) that names `what`.
uint64_t parse_size(const std::string& text, const std::string& what);

// Wraps text in terminal attributes, or not.
class Style {
 public:
  explicit Style(bool color) : color_(color) {}
  std::string bold(const std::string& text) const { return wrap("1", text); }
  std::string dim(const std::string& text) const { return wrap("2", text); }
  std::string red(const std::string& text) const { return wrap("31", text); }
  std::string green(const std::string& text) const { return wrap("32", text); }
  std::string yellow(const std::string& text) const { return wrap("33", text); }
  std::string cyan(const std::string& text) const { return wrap("36", text); }

 private:
  std::string wrap(const char* attribute, const std::string& text) const {
    return color_ && !text.empty() ? "\033[" + std::string(attribute) + "m" + text + "\033[0m" : text;
  }
  bool color_;
};

// "auto": a terminal at `fd`, NO_COLOR unset and TERM not dumb.
bool use_color(const std::string& when, int fd);

}  // namespace weir::cli
