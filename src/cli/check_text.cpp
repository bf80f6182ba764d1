#include <algorithm>
#include <set>

#include "cli/check_result.h"
#include "cli/format.h"
#include "cli/json_access.h"
#include "cli/summary_page.h"

namespace weir::cli {
namespace {

class Writer {
 public:
  Writer(const CheckResult& result, const SummaryOptions& options) : result_(result), page_(options) {}

  std::string write() {
    for (const std::string& line : result_.missing) write_line("red", line);
    for (const ReportVerdicts& report : result_.reports) write_report(report);
    write_notes();
    write_findings();
    write_end();
    return page_.text();
  }

 private:
  void write_line(const std::string& mark, const std::string& text) {
    page_.line(page_.style().red(mark) + "  " + text);
  }

  void write_report(const ReportVerdicts& report) {
    if (!report.error.empty()) write_line("unreadable", report.error);
    for (const Verdict& verdict : report.verdicts) {
      if (!verdict.holds) write_line("red", printable(report.path) + ": " + verdict.line);
    }
  }

  void write_notes() {
    std::set<std::string> notes;
    for (const ReportVerdicts& report : result_.reports) notes.insert(report.notes.begin(), report.notes.end());
    for (const std::string& note : notes) page_.line(page_.style().yellow("note") + "  " + note);
  }

  void write_findings() {
    const size_t shown = std::min(result_.findings.size(), page_.options().top);
    if (shown == 0) return;
    page_.heading("The largest:");
    for (size_t i = 0; i < shown; ++i) write_finding(result_.findings[i]);
    page_.rest(result_.findings.size());
  }

  void write_finding(const Finding& finding) {
    page_.line("  " + page_.style().cyan(finding_text(finding)) +
               (result_.reports.size() > 1 ? page_.style().dim("  in " + plural(finding.reports, "report")) : ""));
    page_.stack(finding.stack);
  }

  void write_end() {
    const std::string reports = plural(result_.reports.size(), "report");
    if (!result_.is_red() && !result_.is_unreadable()) {
      page_.line(page_.style().green("green") + "  " + reports + " within " + plural(result_.limit_count, "limit"));
      return;
    }
    size_t broken = 0, unreadable = 0;
    for (const ReportVerdicts& report : result_.reports) {
      broken += report.broken_count() > 0 ? 1 : 0;
      unreadable += report.error.empty() ? 0 : 1;
    }
    page_.line((page_.text().find('\n') == std::string::npos ? "" : "\n") +
               page_.style().red(result_.is_red() ? "red" : "unreadable") + "  " + human_count(broken) + " of " +
               reports + " beyond a limit" + (unreadable > 0 ? ", " + human_count(unreadable) + " unreadable" : "") +
               (result_.missing.empty() ? "" : ", reports are missing"));
  }

  const CheckResult& result_;
  SummaryPage page_;
};

}  // namespace

std::string finding_text(const Finding& finding) {
  const std::string where = finding.memory.empty() || finding.memory == "host"
                                ? ""
                                : " (" + memory_text(finding.memory, finding.device, "") + ")";
  if (finding.is_error) return finding.what + ", " + plural(finding.grown.count, "time") + where;
  return human_bytes(finding.grown.bytes) + " in " + plural(finding.grown.count, "block") + " " + finding.what + where;
}

bool CheckResult::is_unreadable() const {
  return std::any_of(reports.begin(), reports.end(),
                     [](const ReportVerdicts& report) { return !report.error.empty(); });
}

bool CheckResult::is_red() const {
  return !missing.empty() || std::any_of(reports.begin(), reports.end(),
                                         [](const ReportVerdicts& report) { return report.broken_count() > 0; });
}

std::string check_text(const CheckResult& result, const SummaryOptions& options) {
  return Writer(result, options).write();
}

}  // namespace weir::cli
