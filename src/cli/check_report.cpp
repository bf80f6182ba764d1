#include "cli/check_report.h"

#include <algorithm>
#include <tuple>

#include "cli/error.h"
#include "cli/format.h"
#include "cli/heap_error_summary.h"
#include "cli/json_access.h"
#include "cli/summary_page.h"

namespace weir::cli {
namespace {

Blocks without(Blocks blocks, const Blocks& before) {
  blocks.subtract(before);
  return blocks;
}

Blocks least(const Blocks& a, const Blocks& b) { return {std::min(a.bytes, b.bytes), std::min(a.count, b.count)}; }

Blocks sum_of(const Limit& limit, const BlocksByKind& blocks) {
  Blocks sum;
  for (size_t kind = 0; kind < kLeakKinds; ++kind) {
    if (limit.counts(static_cast<LeakKind>(kind))) sum.add(blocks[kind]);
  }
  return sum;
}

uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

// What a row adds to a list of findings, before its stack has a text.
struct Place {
  Blocks grown;
  uint64_t key;
  uint32_t stack;
  uint16_t memory;
  LeakKind kind;
};

bool is_more(const Place& a, const Place& b) {
  return std::tuple(a.grown.bytes, a.grown.count, b.kind, b.key) >
         std::tuple(b.grown.bytes, b.grown.count, a.kind, a.key);
}

// The most of what is added, however much that is.
class MostPlaces {
 public:
  void add(const Place& place) {
    places_.push_back(place);
    if (places_.size() == 2 * kMostFindings) keep_most();
  }
  std::vector<Place> take() {
    keep_most();
    return std::move(places_);
  }

 private:
  void keep_most() {
    std::sort(places_.begin(), places_.end(), is_more);
    if (places_.size() > kMostFindings) places_.resize(kMostFindings, places_.front());
  }
  std::vector<Place> places_;
};

bool is_leak_measure(Measure measure) { return measure != Measure::peak && measure != Measure::errors; }

bool needs_kinds(Measure measure) { return is_leak_measure(measure) && measure != Measure::live; }

std::string place_text(const Limit& limit) { return limit.memory.empty() ? "" : " (" + limit.memory + ")"; }

void describe(ReportVerdicts& result, const DiffSide& report) {
  const Json& process = child(report.report.parts(), "process");
  result.program = report.program();
  result.host = text_of(process, "host");
  result.start = text_of(process, "start");
  result.duration_ns = report.duration_ns();
}

void add_notes(ReportVerdicts& result, const DiffSide& report) {
  if (report.sample_mean_bytes() > 0)
    result.notes.push_back(result.program + ": host figures are estimates, of one sample per " +
                           human_bytes(report.sample_mean_bytes()));
  for (const std::string& note : report.report.notes()) result.notes.push_back(printable(note));
}

}  // namespace

size_t ReportVerdicts::broken_count() const {
  return static_cast<size_t>(
      std::count_if(verdicts.begin(), verdicts.end(), [](const Verdict& verdict) { return !verdict.holds; }));
}

LeakFigures::LeakFigures(const std::vector<Limit>& limits, DiffSide& report, Baseline& baseline,
                         const MemoryPlaces& memories)
    : found_(limits.size()) {
  std::vector<Blocks> hanging(limits.size()), all(limits.size());
  add_hanging(limits, report, memories, hanging);
  baseline.align(report);
  const auto& rows = report.rows.rows();
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    const BlocksByKind after = blocks_at(report.rows, begin, end);
    const BlocksByKind before = baseline.blocks(rows[begin].key, rows[begin].memory);
    const std::string memory = memories.place(rows[begin].memory).memory;
    for (size_t i = 0; i < limits.size(); ++i) {
      if (!limits[i].counts(memory)) continue;
      all[i].add(sum_of(limits[i], after));
      found_[i].add(without(sum_of(limits[i], after), sum_of(limits[i], before)));
    }
  }
  for (size_t i = 0; i < limits.size(); ++i) found_[i] = least(found_[i], without(all[i], hanging[i]));
}

// What hangs from excused blocks alone is excused with them.
void LeakFigures::add_hanging(const std::vector<Limit>& limits, const DiffSide& report, const MemoryPlaces& memories,
                              std::vector<Blocks>& hanging) {
  for (size_t i = 0; i < limits.size(); ++i) {
    if (!limits[i].counts(LeakKind::indirect)) continue;
    hanging[i] =
        report.rows.excused_hanging([&](uint16_t memory) { return limits[i].counts(memories.place(memory).memory); });
  }
}

ReportVerdicts Judge::judge(const std::string& path) {
  ReportVerdicts result;
  try {
    DiffSide report = read_for_check(path, suppressions_, readers_);
    result = judge(report);
  } catch (const Error& error) {
    if (error.exit_code() != kExitBadReport) throw;
    result.error = printable(error.what());
  }
  result.path = path;
  for (Finding& finding : result.findings) finding.report = path;
  return result;
}

ReportVerdicts Judge::judge(DiffSide& report) {
  ReportVerdicts result;
  describe(result, report);
  const LeakFigures figures(limits_, report, baseline_, readers_.memories);
  for (size_t i = 0; i < limits_.size(); ++i) {
    const Limit& limit = limits_[i];
    result.verdicts.push_back(limit.measure == Measure::peak     ? verdict_on_peak(limit, report)
                              : limit.measure == Measure::errors ? verdict_on_errors(limit, report)
                                                                 : verdict_on_leaks(limit, report, figures.found(i)));
  }
  find_errors(report, result);
  find_leaks(report, result);
  if (result.broken_count() > 0) add_notes(result, report);
  return result;
}

std::string Judge::line_of(const Limit& limit, const std::string& what, const Blocks& found) const {
  return what + ": " + limit.text_of(found) + (baseline_.is_empty() ? "" : " more than in the baseline") + ", " +
         limit.most_text() + " allowed";
}

// A report that cannot tell lost blocks is no sign that there are none.
Verdict Judge::verdict_on_leaks(const Limit& limit, const DiffSide& report, const Blocks& found) const {
  const std::string what = std::string(text_of(limit.measure).what) + place_text(limit);
  if (needs_kinds(limit.measure) && !report.has_leak_kinds()) {  // guard: check-unknown
    const std::string why = text_of(child(report.report.parts(), "leak_check"), "why_not");
    return {&limit,
            {},
            false,
            false,
            what + ": not known, lost blocks were not told from others" + (why.empty() ? "" : ": " + why)};
  }
  return {&limit, found, limit.holds(found), true, line_of(limit, what, found)};
}

// The memory that grew most.
Verdict Judge::verdict_on_peak(const Limit& limit, const DiffSide& report) const {
  Blocks most;
  std::string what = text_of(limit.measure).what + place_text(limit);
  for (const Peak& peak : peaks_of(report.report.parts())) {
    if (!limit.counts(peak.memory)) continue;
    const Blocks grown = without({peak.bytes, 0}, {baseline_.peak(peak.memory, peak.device), 0});
    if (grown.bytes <= most.bytes) continue;
    most = grown;
    what = "peak of " + memory_text(peak.memory, peak.device, "") +
           (peak.process.empty() ? "" : " (" + peak.process + ")");
  }
  return {&limit, most, limit.holds(most), true, line_of(limit, what, most)};
}

Verdict Judge::verdict_on_errors(const Limit& limit, const DiffSide& report) const {
  Blocks found = without({0, unlisted_errors(report.report.parts())}, {0, baseline_.unlisted_errors()});
  for (const HeapError* error : baseline_.new_errors(report)) found.add({0, error->count});
  return {&limit, found, limit.holds(found), true, line_of(limit, text_of(limit.measure).what, found)};
}

void Judge::find_errors(const DiffSide& report, ReportVerdicts& result) const {
  const bool is_broken = std::any_of(result.verdicts.begin(), result.verdicts.end(), [](const Verdict& verdict) {
    return !verdict.holds && verdict.limit->measure == Measure::errors;
  });
  if (!is_broken) return;
  for (const HeapError* error : baseline_.new_errors(report)) {
    Finding finding;
    finding.is_error = true;
    finding.what = heap_error_text(*error);
    finding.memory = error->memory;
    finding.device = error->device;
    finding.fingerprint = hexadecimal(fnv1a(key_of(*error)));
    finding.grown = {0, error->count};
    finding.stack = error->stack;
    result.findings.push_back(std::move(finding));
  }
}

void Judge::find_leaks(const DiffSide& report, ReportVerdicts& result) const {
  std::vector<const Limit*> broken;
  for (const Verdict& verdict : result.verdicts) {
    if (!verdict.holds && is_leak_measure(verdict.limit->measure)) broken.push_back(verdict.limit);
  }
  if (broken.empty()) return;
  MostPlaces most;
  const auto& rows = report.rows.rows();
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    const LeakRow& row = rows[begin];
    const BlocksByKind after = blocks_at(report.rows, begin, end), before = baseline_.blocks(row.key, row.memory);
    const std::string memory = readers_.memories.place(row.memory).memory;
    for (size_t i = 0; i < kLeakKinds; ++i) {
      const auto kind = static_cast<LeakKind>(i);
      const Blocks grown = without(after[i], before[i]);
      const bool counts = std::any_of(broken.begin(), broken.end(),
                                      [&](const Limit* limit) { return limit->counts(kind) && limit->counts(memory); });
      if (counts && grown != Blocks()) most.add({grown, row.key, row.stack, row.memory, kind});
    }
  }
  std::vector<uint32_t> stacks;
  const std::vector<Place> places = most.take();
  for (const Place& place : places) stacks.push_back(place.stack);
  std::vector<std::vector<StackLine>> lines = report.report.lines(stacks);
  for (size_t i = 0; i < places.size(); ++i) {
    const MemoryPlace memory = readers_.memories.place(places[i].memory);
    Finding finding;
    finding.what = kKindTexts[static_cast<size_t>(places[i].kind)];
    finding.memory = memory.memory;
    finding.device = memory.device;
    finding.fingerprint = hexadecimal(places[i].key);
    finding.grown = places[i].grown;
    finding.stack = std::move(lines[i]);
    result.findings.push_back(std::move(finding));
  }
}

void keep_few(std::vector<Finding>& findings) {
  std::map<std::string, size_t> kept;
  std::erase_if(findings, [&](const Finding& finding) {
    const std::string kind = finding.is_error ? "" : finding.what + '\n' + finding.memory;
    return ++kept[kind] > kFindingsOfLimit;
  });
}

void Findings::add(const Finding& finding) {
  const std::string key = finding.what + '\n' + finding.memory + '\n' + finding.device + '\n' + finding.fingerprint;
  const auto [place, is_new] = findings_.try_emplace(key, finding);
  if (is_new) return;
  place->second.grown.add(finding.grown);
  if (place->second.report != finding.report) ++place->second.reports;
  place->second.report = finding.report;  // reports come one after another
}

std::vector<Finding> Findings::sorted() const {
  std::vector<Finding> found;
  for (const auto& [key, finding] : findings_) found.push_back(finding);
  std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
    return std::tuple(a.is_error, a.grown.bytes, a.grown.count) > std::tuple(b.is_error, b.grown.bytes, b.grown.count);
  });
  return found;
}

}  // namespace weir::cli
