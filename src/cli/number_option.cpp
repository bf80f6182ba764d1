#include "cli/number_option.h"

#include <charconv>
#include <optional>
#include <sstream>
#include <string>

namespace weir::cli {
namespace {

template <class Number>
std::optional<Number> parsed(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string refusal(const std::string& expected, const std::string& found) {
  return "expected " + expected + ", found '" + found + "'";
}

std::string text_of(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

std::string range_text(uint64_t least, uint64_t most) {
  if (most != UINT64_MAX) return std::to_string(least) + " to " + std::to_string(most);
  return least == 0 ? "" : "at least " + std::to_string(least);
}

}  // namespace

CLI::Validator whole_number(uint64_t least, uint64_t most) {
  const std::string range = range_text(least, most);
  const std::string expected = "a whole number" + (range.empty() ? "" : ", " + range);
  return {[=](std::string& text) {
            const std::optional<uint64_t> number = parsed<uint64_t>(text);
            const bool is_taken = number && *number >= least && *number <= most;
            return is_taken ? std::string() : refusal(expected, text);  // guard: whole-number
          },
          range};
}

CLI::Validator process_id() {
  return {[](std::string& text) {
            const std::optional<int> number = parsed<int>(text);
            return number && *number > 0 ? std::string() : refusal("a process id", text);
          },
          ""};
}

CLI::Validator seconds_from(double least, double most) {
  const std::string range = text_of(least) + " to " + text_of(most);
  return {[=](std::string& text) {
            const std::optional<double> number = parsed<double>(text);
            const bool is_taken = number && *number >= least && *number <= most;  // not of NaN
            return is_taken ? std::string() : refusal("seconds, " + range, text);
          },
          range};
}

}  // namespace weir::cli
