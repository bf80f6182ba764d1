// The limits of `weir check`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/leak_rows.h"

namespace weir::cli {

enum class Measure : uint8_t { definite, indirect, possible, lost, live, peak, errors };

struct MeasureText {
  Measure measure;
  const char* option;  // without its dashes
  const char* what;    // "definitely lost"
  const char* help;
};
inline constexpr MeasureText kMeasures[] = {
    {Measure::definite, "max-definite", "definitely lost", "The most that may be definitely lost"},
    {Measure::indirect, "max-indirect", "indirectly lost", "The most that may be indirectly lost"},
    {Measure::possible, "max-possible", "possibly lost", "The most that may be possibly lost"},
    {Measure::lost, "max-bytes", "lost", "The most that may be lost, definitely and indirectly together"},
    {Measure::live, "max-live", "still allocated",
     "The most that may still be allocated at the end, reachable or lost"},
    {Measure::peak, "max-peak", "peak",
     "The highest peak of any memory: the host's, page-locked, managed, each device's"},
    {Measure::errors, "max-errors", "heap errors", "The most heap errors, a number"},
};
const MeasureText& text_of(Measure measure);

struct Limit {
  Measure measure = Measure::definite;
  std::string memory;  // one that MEMORY= names; empty: all that the measure is about
  uint64_t most = 0;   // bytes; of errors a number

  // "max-live", "max-live device".
  std::string name() const;
  // Whether it is about leaks of that kind, or peaks, in that memory, which is named as reports do.
  bool counts(LeakKind kind) const;
  bool counts(std::string_view memory_of_report) const;
  // Of blocks nothing is nothing: a lost block of no bytes breaks a limit of 0.
  bool holds(const Blocks& found) const;
  std::string text_of(const Blocks& found) const;  // "240 B in 2 blocks"
  std::string most_text() const;                   // "0 B"
};

// "[MEMORY=]SIZE"; of errors a number. Throws Error(kExitUsage).
Limit parse_limit(const MeasureText& measure, const std::string& text);

// Where no limit is given: nothing definitely or indirectly lost, and no heap errors.
std::vector<Limit> default_limits();

}  // namespace weir::cli
