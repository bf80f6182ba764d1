// The form that Ant writes and Jenkins reads: its elements, their order and their required attributes satisfy both schemas.
#include <cstdio>
#include <ctime>

#include "cli/check_result.h"
#include "cli/xml_text.h"

namespace weir::cli {
namespace {

std::string attribute(const char* name, const std::string& value) {
  return std::string(" ") + name + "=\"" + xml_text(value) + "\"";
}

std::string seconds_text(uint64_t ns) {
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%03llu", static_cast<unsigned long long>(ns / 1'000'000'000),
                static_cast<unsigned long long>(ns / 1'000'000 % 1000));
  return text;
}

// JUnit's times have no fractions and no zone. A report may say anything: what is no time becomes the earliest.
std::string time_text(const std::string& start) {
  std::tm time = {};
  const char* end = strptime(start.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  const bool has_second = end != nullptr && time.tm_year >= 70 && time.tm_year < 8000 && time.tm_sec < 60;
  std::tm same = time;
  const bool is_day = has_second && timegm(&same) >= 0 && same.tm_mday == time.tm_mday;  // no 31st of a shorter month
  if (!is_day) return "1970-01-01T00:00:00";
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &time);
  return text;
}

std::string stack_text(const std::vector<StackLine>& stack) {
  std::string text;
  for (const StackLine& line : stack) {
    if (!line.noise) text += "    " + line.function + (line.function.empty() ? "" : "  ") + line.place + "\n";
  }
  return text;
}

bool belongs(const Finding& finding, const Limit& limit) {
  if (finding.is_error || limit.measure == Measure::errors) return finding.is_error && limit.measure == Measure::errors;
  for (size_t kind = 0; kind < kLeakKinds; ++kind) {
    if (finding.what == kKindTexts[kind])
      return limit.counts(static_cast<LeakKind>(kind)) && limit.counts(finding.memory);
  }
  return false;
}

class Writer {
 public:
  std::string write(const CheckResult& result) {
    text_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
    if (!result.missing.empty()) write_missing(result.missing);
    for (const ReportVerdicts& report : result.reports) write_suite(report);
    return text_ + "</testsuites>\n";
  }

 private:
  void open_suite(const ReportVerdicts& report, size_t tests, size_t failures, size_t errors) {
    text_ += "  <testsuite" + attribute("name", report.path) + attribute("timestamp", time_text(report.start)) +
             attribute("hostname", report.host.empty() ? "localhost" : report.host) +
             attribute("tests", std::to_string(tests)) + attribute("failures", std::to_string(failures)) +
             attribute("errors", std::to_string(errors)) + attribute("time", seconds_text(report.duration_ns)) +
             attribute("package", "weir") + attribute("id", std::to_string(next_id_++)) + ">\n    <properties/>\n";
  }

  void close_suite() { text_ += "    <system-out/>\n    <system-err/>\n  </testsuite>\n"; }

  void write_case(const std::string& class_name, const std::string& name, const std::string& inside) {
    text_ += "    <testcase" + attribute("name", name) + attribute("classname", class_name) + attribute("time", "0") +
             (inside.empty() ? "/>\n" : ">\n" + inside + "    </testcase>\n");
  }

  static std::string failure(const char* element, const std::string& type, const std::string& message,
                             const std::string& text) {
    return std::string("      <") + element + attribute("message", message) + attribute("type", type) + ">" +
           xml_text(text) + "</" + element + ">\n";
  }

  void write_missing(const std::vector<std::string>& missing) {
    ReportVerdicts none;
    none.path = "reports";
    open_suite(none, missing.size(), missing.size(), 0);
    for (size_t i = 0; i < missing.size(); ++i) {
      write_case("weir", "all reports are there" + (i == 0 ? std::string() : " " + std::to_string(i + 1)),
                 failure("failure", "missing", missing[i], missing[i]));
    }
    close_suite();
  }

  void write_suite(const ReportVerdicts& report) {
    const bool is_unreadable = !report.error.empty();
    open_suite(report, is_unreadable ? 1 : report.verdicts.size(), report.broken_count(), is_unreadable ? 1 : 0);
    if (is_unreadable)
      write_case("weir", "the report can be read", failure("error", "unreadable", report.error, report.error));
    for (const Verdict& verdict : report.verdicts) write_verdict(report, verdict);
    close_suite();
  }

  void write_verdict(const ReportVerdicts& report, const Verdict& verdict) {
    std::string text = verdict.line + "\n";
    size_t count = 0;
    for (const Finding& finding : report.findings) {
      if (verdict.holds || count == kFindingsOfLimit) break;
      if (!belongs(finding, *verdict.limit)) continue;
      ++count;
      text += "\n" + finding_text(finding) + "\n" + stack_text(finding.stack);
    }
    const std::string name = verdict.limit->name();
    write_case("weir." + report.program, name,
               verdict.holds ? "" : failure("failure", text_of(verdict.limit->measure).option, verdict.line, text));
  }

  std::string text_;
  size_t next_id_ = 0;
};

}  // namespace

std::string check_junit(const CheckResult& result) { return Writer().write(result); }

}  // namespace weir::cli
