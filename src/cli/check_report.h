// One report before the limits of `weir check`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/check_baseline.h"
#include "cli/check_limits.h"
#include "cli/stack_text.h"

namespace weir::cli {

// What a finding says of a leak, by its kind.
inline constexpr const char* kKindTexts[kLeakKinds] = {"definitely lost", "indirectly lost", "possibly lost",
                                                       "still reachable", "still allocated"};

// A place that has part in a limit's being broken: leaks of one stack, or a heap error.
struct Finding {
  std::string what;  // "definitely lost", or the kind of a heap error
  std::string memory, device;
  std::string fingerprint;  // the same in every run and build
  bool is_error = false;
  Blocks grown;          // what counts of it; of a heap error its count
  uint64_t reports = 1;  // that have it
  std::string report;    // one of these
  std::vector<StackLine> stack;
};

struct Verdict {
  const Limit* limit = nullptr;
  Blocks found;
  bool holds = true;
  bool is_known = true;  // false: the report cannot say
  // No finding tells where: a peak has no place, nor has what is not known.
  bool has_no_place() const { return !is_known || limit->measure == Measure::peak; }
  std::string line;  // what is said where it does not hold: "definitely lost: 240 B in 2 blocks, allowed are 0 B"
};

struct ReportVerdicts {
  std::string path, program, host, start;  // start: as the report has it
  uint64_t duration_ns = 0;
  std::vector<Verdict> verdicts;  // one for each limit; none where the report could not be read
  std::vector<Finding> findings;  // of the limits that do not hold, most bytes first
  std::vector<std::string> notes;
  std::string error;  // why it could not be read

  size_t broken_count() const;
};

// So many findings of a report are told at the most.
inline constexpr size_t kMostFindings = 1000;

// Of each kind and memory the first few alone: what the text of a limit names.
inline constexpr size_t kFindingsOfLimit = 5;
void keep_few(std::vector<Finding>& findings);

// What the leaks of a report come to by each limit: more than in the baseline, without what is excused.
class LeakFigures {
 public:
  // Sets the keys of the report's rows and sorts them.
  LeakFigures(const std::vector<Limit>& limits, DiffSide& report, Baseline& baseline, const MemoryPlaces& memories);
  const Blocks& found(size_t limit) const { return found_[limit]; }

 private:
  static void add_hanging(const std::vector<Limit>& limits, const DiffSide& report, const MemoryPlaces& memories,
                          std::vector<Blocks>& hanging);
  std::vector<Blocks> found_;
};

class Judge {
 public:
  // Keeps references to all of them.
  Judge(const std::vector<Limit>& limits, const SuppressionFiles& suppressions, Baseline& baseline, Readers& readers)
      : limits_(limits), suppressions_(suppressions), baseline_(baseline), readers_(readers) {}

  // A report that cannot be read gives an `error`.
  ReportVerdicts judge(const std::string& path);

 private:
  ReportVerdicts judge(DiffSide& report);
  Verdict verdict_on_leaks(const Limit& limit, const DiffSide& report, const Blocks& found) const;
  Verdict verdict_on_peak(const Limit& limit, const DiffSide& report) const;
  Verdict verdict_on_errors(const Limit& limit, const DiffSide& report) const;
  std::string line_of(const Limit& limit, const std::string& what, const Blocks& found) const;
  void find_leaks(const DiffSide& report, ReportVerdicts& result) const;
  void find_errors(const DiffSide& report, ReportVerdicts& result) const;

  const std::vector<Limit>& limits_;
  const SuppressionFiles& suppressions_;
  Baseline& baseline_;
  Readers& readers_;
};

// Equal findings of many reports, added up.
class Findings {
 public:
  void add(const Finding& finding);
  // Most bytes first, heap errors in front.
  std::vector<Finding> sorted() const;

 private:
  std::map<std::string, Finding> findings_;
};

}  // namespace weir::cli
