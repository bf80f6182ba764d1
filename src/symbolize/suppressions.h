// Suppressions in LeakSanitizer's syntax: which leaks are known, and not to be told.
//
// A file has one per line, `leak:PATTERN`; empty lines and lines that begin with # say nothing. A pattern suppresses a leak if it matches the
// name of a function (demangled; or mangled, if the pattern is a whole mangled name), a source file or a module's path of any frame of the
// leak's stack, inlined calls included. It matches any part of the text, but ^ at its beginning is the text's beginning, $ at its end
// the text's end, and * stands for anything.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::symbolize {

class Pattern {
 public:
  // Without "leak:".
  explicit Pattern(std::string_view text);
  bool matches(std::string_view text) const;

 private:
  std::vector<std::string> pieces_;  // between the stars
  bool from_start_ = false, to_end_ = false;
};

struct Suppression {
  std::string text;    // as written: "leak:PATTERN"
  std::string source;  // the file, "program" or "built-in"
  Pattern pattern;
  std::optional<Pattern> demangled;  // the same, where it is a mangled name
  uint64_t count = 0, bytes = 0;     // of the leaks that it suppressed
};

class Suppressions {
 public:
  // Adds those of a text. Returns what is wrong with it, one entry a line: "SOURCE:3: expected leak:PATTERN".
  std::vector<std::string> add(std::string_view text, const std::string& source);

  // Marks the leaks of a report that match, and were not marked: "suppressed" is the pattern's text; of several patterns the first one's.
  // Adds what matched to leak_check.suppressions[]. Leaks that are reachable, a runtime's own ("runtime") or a framework's cache
  // ("framework_cache") are left alone. The report has the shape that cli::check_shape() asks for; where its frames have no symbols, modules
  // alone can match.
  void apply(nlohmann::ordered_json& report);

 private:
  static constexpr size_t kNone = SIZE_MAX;

  size_t first_match(const nlohmann::ordered_json& report, const nlohmann::ordered_json& frame) const;
  size_t first_match_of_python(const nlohmann::ordered_json& frame) const;
  size_t first_match(std::string_view text) const;
  void list_matches(nlohmann::ordered_json& report) const;

  std::vector<Suppression> suppressions_;
};

// The source of those that are built in.
inline constexpr char kBuiltInSource[] = "built-in";

// What is left by design by the C library, the loader, the C++ library, interpreters and CUDA's libraries.
extern const char kBuiltInSuppressions[];

}  // namespace weir::symbolize
