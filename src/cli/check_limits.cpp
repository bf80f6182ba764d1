#include "cli/check_limits.h"

#include <algorithm>
#include <iterator>

#include "cli/error.h"
#include "cli/format.h"
#include "cli/json_access.h"

namespace weir::cli {
namespace {

// Memory that is on a device, as reports name it.
constexpr std::string_view kOnDevice[] = {"device", "async", "graph", "vmm", "array"};
// No memory of its own: the program's address space, or counted where it was allocated.
constexpr std::string_view kCountedElsewhere[] = {"mmap", "registered", "ipc", "external"};
constexpr std::string_view kMemories[] = {"host", "device",     "pinned", "managed",
                                          "mmap", "registered", "ipc",    "external"};

template <size_t size>
bool is_among(const std::string_view (&names)[size], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

uint64_t parse_number(const std::string& text, const std::string& what) {
  const bool is_number =
      !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) throw Error(kExitUsage, what + ": expected a number, found '" + printable(text) + "'");
  return std::stoull(text);
}

void check_memory(const std::string& name, const std::string& what) {
  if (is_among(kMemories, name)) return;
  std::string known;
  for (const std::string_view memory : kMemories) known += (known.empty() ? "" : ", ") + std::string(memory);
  throw Error(kExitUsage, what + ": expected one of " + known + " before '=', found '" + printable(name) + "'");
}

}  // namespace

const MeasureText& text_of(Measure measure) { return kMeasures[static_cast<size_t>(measure)]; }

std::string Limit::name() const {
  return cli::text_of(measure).option + (memory.empty() ? std::string() : " " + memory);
}

bool Limit::counts(LeakKind kind) const {
  switch (measure) {
    case Measure::definite:
      return kind == LeakKind::definite;
    case Measure::indirect:
      return kind == LeakKind::indirect;
    case Measure::possible:
      return kind == LeakKind::possible;
    case Measure::lost:
      return kind == LeakKind::definite || kind == LeakKind::indirect;
    default:
      return measure == Measure::live;
  }
}

bool Limit::counts(std::string_view memory_of_report) const {
  const bool is_about_all = measure != Measure::live && measure != Measure::peak;
  if (memory.empty()) return is_about_all || !is_among(kCountedElsewhere, memory_of_report);
  return memory == "device" ? is_among(kOnDevice, memory_of_report) : memory == memory_of_report;
}

bool Limit::holds(const Blocks& found) const {
  if (measure == Measure::errors) return found.count <= most;
  return found.bytes <= most && (most > 0 || found.count == 0);
}

std::string Limit::text_of(const Blocks& found) const {
  if (measure == Measure::errors) return human_count(found.count);
  return measure == Measure::peak ? human_bytes(found.bytes)
                                  : human_bytes(found.bytes) + " in " + plural(found.count, "block");
}

std::string Limit::most_text() const { return measure == Measure::errors ? human_count(most) : human_bytes(most); }

Limit parse_limit(const MeasureText& measure, const std::string& text) {
  const std::string what = std::string("--") + measure.option;
  if (measure.measure == Measure::errors) return {measure.measure, "", parse_number(text, what)};
  const size_t sign = text.find('=');
  if (sign == std::string::npos) return {measure.measure, "", parse_size(text, what)};
  const std::string memory = text.substr(0, sign);
  check_memory(memory, what);
  return {measure.measure, memory, parse_size(text.substr(sign + 1), what)};
}

std::vector<Limit> default_limits() {
  return {{Measure::definite, "", 0}, {Measure::indirect, "", 0}, {Measure::errors, "", 0}};
}

}  // namespace weir::cli
