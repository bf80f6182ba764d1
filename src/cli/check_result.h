// What `weir check` found in all its reports, and the forms in which it is told.
#pragma once

#include <string>
#include <vector>

#include "cli/check_report.h"
#include "cli/summary.h"

namespace weir::cli {

struct CheckResult {
  std::vector<ReportVerdicts> reports;
  std::vector<std::string> missing;  // what should have been there, a line each
  std::vector<Finding> findings;     // of all reports, as Findings::sorted() has them
  uint64_t limit_count = 0;

  bool is_unreadable() const;
  bool is_red() const;
};

// "240 B in 2 blocks definitely lost", "double free by free, 1 time".
std::string finding_text(const Finding& finding);

// For a terminal: a line for each limit that does not hold, then the largest stacks; one line where all is well.
std::string check_text(const CheckResult& result, const SummaryOptions& options);

// JUnit's XML, as Ant and Jenkins have it: a test suite for each report, a test case for each limit.
std::string check_junit(const CheckResult& result);

// SARIF 2.1.0. Files below `source_root`, absolute, are told relative to it.
std::string check_sarif(const CheckResult& result, const std::string& source_root);

// The folder above the working directory that holds ".git"; without one the working directory.
std::string find_source_root();

}  // namespace weir::cli
